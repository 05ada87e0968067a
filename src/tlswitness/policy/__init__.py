"""What TLS a destination demands: MTA-STS (RFC 8461), DANE (RFC 7672), and the plan for each MX.

Separate from delivery, which asks and obeys: `check`, a policy map or a linter can ask the same questions without
a message. The grammars, the DANE walk and the plan are pure; fetching and storing are the shell around them.
"""
