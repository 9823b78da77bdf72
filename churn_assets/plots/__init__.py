"""Pictures from plain numbers: charts as PNG, the drift report as a page.

May import `domain`. Reads no table and no model, decides nothing, and keeps no drawing state between two
pictures.
"""
