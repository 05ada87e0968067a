-- Writes every TLS session that was held against a policy into the module's log: once as a whole, once in short.
--
-- A scriptlet for the hook core_smtp_tls_reporting, for tlswitness and for Momentum 5.1 or newer alike. `point` is a
-- JSON object: members under their names, those with a dash in brackets and quotes; what is not there is nil.

require("msys.core")
require("json")

local tlsrpt = {}

function tlsrpt:core_smtp_tls_reporting(point)
  print("tls report: ", point)
  local policy = point.policy
  local outcome = point.type == 1 and "OK" or point["result-type"]
  print("TLSRPT: " .. policy["policy-domain"] .. "@" .. policy["policy-type"] .. "@" .. outcome)
end

msys.registerModule("tlsrpt", tlsrpt)
