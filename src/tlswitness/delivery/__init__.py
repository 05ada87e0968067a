"""Delivery: the SMTP client, TLS, the verdict on a certificate chain, one attempt, the route over the MXs.

Separate because it obeys a plan that policy made, and names outcomes that the data points are made of. What a peer can
do is a value here, never an exception; what it means for the mail follows from a table. RFC 5321, 3207, 7672, 8461.
"""
