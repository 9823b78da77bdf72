"""The thin shell that knows Ray: deployments, the start of a cluster on this machine, HAProxy and its guard.

No rule about scoring belongs here; everything that can be tested without a cluster lives one floor up.
"""
