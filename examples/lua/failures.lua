-- Keeps to failures: one line when a domain begins to fail in some way, one when it is well again, and a sum at the end.
--
-- Shows what a module may keep between calls, and init and deinit. The number of domains in memory has a limit: a
-- hook lives for months.

require("msys.core")

local MOST_DOMAINS = 10000

local failures = {}

function failures:init()
  self.failing, self.domains, self.count = {}, 0, 0
  return true
end

local function words(point)
  local host = point["receiving-mx-hostname"]
  local reason = point["failure-reason-code"]
  return point["result-type"] .. " at " .. point.policy["policy-domain"]
    .. (host and " (" .. host .. ")" or "") .. (reason and ": " .. reason or "")
end

function failures:core_smtp_tls_reporting(point)
  local domain = point.policy["policy-domain"]
  local before = self.failing[domain]
  if point.type == 1 then
    if before then
      print("well again: " .. domain)
      self.failing[domain], self.domains = nil, self.domains - 1
    end
    return
  end
  self.count = self.count + 1
  if before == point["result-type"] then return end
  if not before then
    if self.domains >= MOST_DOMAINS then
      self.failing, self.domains = {}, 0
    end
    self.domains = self.domains + 1
  end
  self.failing[domain] = point["result-type"]
  print(words(point))
end

function failures:deinit()
  print("failures seen: " .. self.count)
  return true
end

msys.registerModule("failures", failures)
