"""The 45 features of a customer at a month's snapshot: the catalogue, and a module per source table.

Here belong definitions of features as expressions and aggregations on accepted rows. Reading the rows,
cleaning them and storing the matrix do not.
"""
