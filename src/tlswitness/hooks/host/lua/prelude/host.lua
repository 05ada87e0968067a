-- What the host calls, and what scripts know as `msys`, `json` and `print`.
--
-- Functions of Python are called here alone and never handed on: a script can hold none of their objects. They answer a
-- failure with words instead of raising, and Python keeps the exception for when the call has failed.

local confined, json_lib, emit, ask_retry, hook_name = ...

local globals, loaded = confined.globals, confined.loaded
local json, point, known, is_object = json_lib.json, json_lib.point, json_lib.known, json_lib.is_object
local tree, forget = json_lib.tree, json_lib.forget
local begin, state = confined.begin, confined.state
local type, error, tostring, select, pcall, next = type, error, tostring, select, pcall, next
local concat, sort, unpack = table.concat, table.sort, unpack

-- Output -------------------------------------------------------------------------------------------------------------

-- Python joins the parts with two spaces. A point that is as it came is handed over as two numbers, its finding's and
-- its epoch: Python has the text. Lua 5.1 hashes every string that it makes, of long ones few octets, so that thousands
-- of points that differ in their second alone fall into the same few slots.
local MAX_PARTS = 200  -- that cross to Python one by one

local function sent(failure)
  if failure then error(failure, 0) end
end

local function say(...)
  local count = select("#", ...)
  if count == 1 and type((...)) == "string" then return sent(emit((...))) end
  local given, parts, size = { ... }, {}, 0
  for index = 1, count do
    local value, number, epoch = given[index], nil, nil
    if is_object(value) and count <= MAX_PARTS then number, epoch = known(value) end
    if number then
      parts[size + 1], parts[size + 2], size = number, epoch, size + 2
    else
      parts[size + 1], size = tostring(value), size + 1
    end
  end
  if count > MAX_PARTS then parts, size = { concat(parts, "  ", 1, size) }, 1 end
  sent(emit(unpack(parts, 1, size)))
end

globals.print = say

-- msys ---------------------------------------------------------------------------------------------------------------

-- The numbers are ours: the manual names these constants and not their values, and what a hook returns here has no
-- significance. LOG_ and D levels are syslog's.
local core = { VALIDATE_CONT = 0, VALIDATE_DONE = 1, VALIDATE_AGAIN = 2,
  EC_HOOK_CONT = 0, EC_HOOK_DONE = 1, EC_HOOK_RETRY = 2 }
for level, name in next, { [0] = "EMERG", "ALERT", "CRIT", "ERR", "WARNING", "NOTICE", "INFO", "DEBUG" } do
  core["LOG_" .. name] = level
end
core.LOG_CRITICAL, core.LOG_ERROR = 2, 3
core.DEMERG, core.DALERT, core.DCRITICAL, core.DERROR = 0, 1, 2, 3
core.DWARNING, core.DNOTICE, core.DINFO, core.DDEBUG = 4, 5, 6, 7

local msys = { core = core }

-- To where `print` goes; the level is for the reader of the script.
function msys.log(level, ...)
  if type(level) ~= "number" then error("msys.log takes a level (msys.core.LOG_...) and a text", 2) end
  say(...)
end

local modules, sealed = {}, false

-- The names of the functions that a module has, for whoever misspelt one.
local function functions_of(mod)
  local names = {}
  for name, value in next, mod do
    if type(name) == "string" and type(value) == "function" then names[#names + 1] = name end
  end
  sort(names)
  return concat(names, ", ")
end

function msys.registerModule(name, mod)
  if type(name) ~= "string" then error("registerModule takes a name, not a " .. type(name), 2) end
  if type(mod) ~= "table" then error("registerModule takes a table of functions, not a " .. type(mod), 2) end
  if sealed then error("registerModule can be called only while the script is loaded", 2) end
  modules[#modules + 1] = { name = name, mod = mod, hook = mod[hook_name] }
end

globals.msys, globals.json = msys, json
loaded.msys, loaded["msys.core"], loaded.json = msys, core, json

-- Ours: asks the daemon to tell this point again, after `after` seconds or a growing while.
globals.tlswitness = {
  retry = function(reason, after)
    if type(after) ~= "number" then after = nil end
    error(ask_retry(tostring(reason), after), 0)
  end,
}
loaded.tlswitness = globals.tlswitness

-- What Python calls --------------------------------------------------------------------------------------------------

local host = {}

-- Run a script; words if it cannot be compiled.
function host.run(source, chunk)
  local main, reason = confined.compiled(source, "@" .. chunk)
  if not main then return reason end
  main()
end

-- How many modules there are; words of the first that is of no use.
function host.seal()
  sealed = true
  for index = 1, #modules do
    local each = modules[index]
    if type(each.hook) ~= "function" then
      return "no usable methods found for module " .. each.name .. " in registerModule call", functions_of(each.mod)
    end
  end
  return #modules
end

-- Whether the module's own `init` or `deinit` returned true, or is not there; its type otherwise. Then its name.
function host.turn(index, method)
  begin()
  local each = modules[index]
  local call = each.mod[method]
  if call == nil then return true, each.name end
  local answer = call(each.mod)
  if answer == true then return true, each.name end
  return answer == false and "false" or type(answer), each.name
end

local trees = {}

function host.keep(slot, text)
  begin()
  trees[slot] = tree(text, slot)
end

function host.forget(slot)
  forget(trees[slot])
  trees[slot] = nil
end

-- What a hook returned: a scalar as it is, anything else as JSON text behind `false`, or the name of its type.
local function answer(value)
  -- A coroutine that was interrupted may have been the last thing that the call did.
  if state.over then error(state.over, 0) end
  local kind = type(value)
  if kind == "nil" or kind == "boolean" or kind == "number" or kind == "string" then return value end
  local ok, made = pcall(json.encode, value)
  if not ok then return kind end
  return false, tostring(made)
end

function host.call(index, slot, epoch)
  begin()
  local each = modules[index]
  return answer(each.hook(each.mod, point(trees[slot], epoch)))
end

return host
