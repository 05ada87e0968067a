-- The confinement: what a script may reach, and how much one call may take.
--
-- The dangerous is taken out of the one global table instead of being hidden behind another: then neither getfenv nor a
-- function of ours leads to it. Everything that the host needs later stands in locals before that.
--
-- The limit of a call counts instructions, by a hook in each coroutine (Lua 5.1 keeps hooks for each of them, so a new
-- one would run without). A call that is over it is interrupted at each further instruction: no loop around pcall can
-- swallow that for ever. Nor can pcall swallow a stack overflow: so deep down the hook itself has no room to run, and a
-- loop there would never be counted. An error handler of xpcall is not told of these: it would run without hooks.
-- One library function that takes long, such as a pattern match over and over, is not interrupted; the daemon's deadline
-- ends the process then. Finalizers run without hooks, so there is no newproxy.

local allowed, max_instructions, max_seconds, read_module, json_pairs, json_ipairs = ...

local debug, coroutine, string, package, os, io = debug, coroutine, string, package, os, io
local type, error, pcall, select, setfenv, setmetatable = type, error, pcall, select, setfenv, setmetatable
local sethook, getinfo, clock, getmetatable = debug.sethook, debug.getinfo, os.clock, getmetatable
local loadstring, concat = loadstring, table.concat
local gsub, gmatch, byte, tonumber, ipairs = string.gsub, string.gmatch, string.byte, tonumber, ipairs
local globals = getfenv(0)

local STEP = 1000             -- instructions between two looks at the limit
local MAX_STRING = 16777216   -- octets that string.rep makes at once: it is one instruction, however much it takes
local MAX_PATTERN = 1000      -- octets of a pattern: Lua 5.1 matches by recursion in C, and each octet may cost a frame
local MAX_COROUTINES = 100    -- running within one another: each takes some of the C stack

local depth = 0               -- of the running coroutines

-- Limits -------------------------------------------------------------------------------------------------------------

local used, started = 0, nil
local state = {}  -- `over`: why the running call is being interrupted

-- Made beforehand: where the memory has run out, no text could be made.
local TOO_MANY = "a call took more than " .. max_instructions .. " instructions"
local TOO_LONG = "a call took more than " .. max_seconds .. " s of CPU"

-- Where in a script the call is; `level` is that of the function that the hook has interrupted.
local function place(level)
  for above = level, level + 20 do
    local at = getinfo(above, "Sl")
    if not at then break end
    if byte(at.source) == 64 and at.currentline > 0 then return at.short_src .. ":" .. at.currentline .. ": " end
  end
  return ""
end

local function tick()
  used = used + STEP
  local now = clock()
  started = started or now
  if not state.over and (used > max_instructions or now - started > max_seconds) then
    state.over = used > max_instructions and TOO_MANY or TOO_LONG
    sethook(tick, "", 1)
    state.place = place(3)
  end
  if state.over then
    sethook(tick, "", 1)  -- in each coroutine that it comes through
    error(state.over, 0)
  end
end

-- Begin a call's account anew; why and where the last one was interrupted, if it was.
local function rearm()
  local reason = state.over and (state.place or "") .. state.over
  used, started, state.over, state.place = 0, nil, nil, nil
  sethook(tick, "", STEP)
  return reason
end

local function begin()
  used, started, depth = 0, nil, 0
end

-- Errors -------------------------------------------------------------------------------------------------------------

local xpcall, find = xpcall, string.find

-- Whether an error ends the whole call.
local function fatal(words)
  return state.over
    or type(words) == "string" and (find(words, "stack overflow", 1, true) or words == "error in error handling")
end

local function caught(ok, ...)
  if not ok and fatal((...)) then error((...), 0) end
  return ok, ...
end

function globals.pcall(...) return caught(pcall(...)) end

function globals.xpcall(call, handler)
  return caught(xpcall(call, function(words)
    if fatal(words) then return words end
    return handler(words)
  end))
end

-- Coroutines ---------------------------------------------------------------------------------------------------------

local create, resume = coroutine.create, coroutine.resume

function coroutine.create(body)
  local made = create(body)
  sethook(made, tick, "", STEP)
  return made
end

local function left(...)
  depth = depth - 1
  return caught(...)
end

function coroutine.resume(thread, ...)
  if depth >= MAX_COROUTINES then return false, "coroutines run too deep within one another" end
  depth = depth + 1
  return left(resume(thread, ...))
end

local function passed(ok, ...)
  if not ok then error((...), 0) end
  return ...
end

local our_create, our_resume = coroutine.create, coroutine.resume

function coroutine.wrap(body)
  local made = our_create(body)
  return function(...) return passed(our_resume(made, ...)) end
end

-- Strings ------------------------------------------------------------------------------------------------------------

local rep = string.rep

-- Pass on what a function of C returned; an error of its own gets the script's line, which it could not know.
local function passed_on(name, ok, ...)
  if ok then return ... end
  local words = ...
  if type(words) ~= "string" or find(words, ":%d+: ") then error(words, 0) end
  error(gsub(words, "'%?'", "'" .. name .. "'"), 3)
end

function string.rep(text, count)
  local size = tonumber(count) and type(text) == "string" and #text * tonumber(count)
  if size and size > MAX_STRING then error("the string would be longer than " .. MAX_STRING .. " octets", 2) end
  if size and size <= 0 then return "" end
  return passed_on("rep", pcall(rep, text, count))
end

for _, name in ipairs({ "find", "match", "gmatch", "gsub" }) do
  local plain = string[name]
  string[name] = function(text, pattern, third, fourth)
    if type(pattern) == "string" and #pattern > MAX_PATTERN and not (name == "find" and fourth) then
      error("a pattern may have " .. MAX_PATTERN .. " octets at most", 2)
    end
    return passed_on(name, pcall(plain, text, pattern, third, fourth))
  end
end
string.gfind = string.gmatch

string.dump = nil

-- Code ---------------------------------------------------------------------------------------------------------------

-- Bytecode can make Lua read and write where it should not, so only text is loaded.
local function compiled(source, name)
  if byte(source, 1) == 27 then return nil, "bytecode is not loaded" end
  return loadstring(source, name)
end

function globals.loadstring(source, name)
  if type(source) ~= "string" then error("loadstring takes a string", 2) end
  return compiled(source, name or source)
end

function globals.load(next_piece, name)
  local pieces, size = {}, 0
  while true do
    local piece = next_piece()
    if piece == nil or piece == "" then break end
    if type(piece) ~= "string" then return nil, "reader function must return a string" end
    pieces[#pieces + 1], size = piece, size + #piece
    if size > MAX_STRING then return nil, "the code is longer than " .. MAX_STRING .. " octets" end
  end
  return compiled(concat(pieces), name or "=(load)")
end

-- The collector is the host's: `stop` would end the memory limit's purpose, and one `collect` is one instruction.
local count = collectgarbage

function globals.collectgarbage(what)
  return what == "count" and count("count") or 0
end

function globals.gcinfo() return count("count") end

-- Modules ------------------------------------------------------------------------------------------------------------

local loaded, preload = {}, {}
for _, name in ipairs({ "_G", "string", "table", "math", "coroutine" }) do loaded[name] = globals[name] end

local LOADING = setmetatable({}, { __metatable = false })

local function run_module(name, loader, ...)
  loaded[name] = LOADING
  local ok, value = pcall(loader, ...)
  if not ok then
    loaded[name] = nil
    error(value, 0)
  end
  if value ~= nil then
    loaded[name] = value
  elseif loaded[name] == LOADING then
    loaded[name] = true
  end
  return loaded[name]
end

function globals.require(name)
  if type(name) ~= "string" then error("require takes a string, not a " .. type(name), 2) end
  local value = loaded[name]
  if value == LOADING then error("module '" .. name .. "' requires itself", 2) end
  if value ~= nil then return value end
  if preload[name] then return run_module(name, preload[name], name) end
  local source, chunk = read_module(name)
  if not source then error(chunk, 2) end
  local loader, reason = compiled(source, "@" .. chunk)
  if not loader then error(reason, 0) end
  return run_module(name, loader, name)
end

-- Lua 5.1's `module`, which files of that time begin with.
function globals.module(name, ...)
  if type(name) ~= "string" then error("module takes a string, not a " .. type(name), 2) end
  local made = type(loaded[name]) == "table" and loaded[name] ~= LOADING and loaded[name] or nil
  if not made then
    local home, last = globals, nil
    for part in gmatch(name, "[^.]+") do
      if last then
        home[last] = home[last] or {}
        home = home[last]
        if type(home) ~= "table" then error("name conflict for module '" .. name .. "'", 2) end
      end
      last = part
    end
    if last == nil then error("a module has a name", 2) end
    made = type(home[last]) == "table" and home[last] or {}
    home[last], loaded[name] = made, made
  end
  made._M, made._NAME, made._PACKAGE = made, name, gsub(name, "[^.]*$", "")
  setfenv(2, made)
  for index = 1, select("#", ...) do (select(index, ...))(made) end
end

local function seeall(made)
  local meta = getmetatable(made) or {}
  meta.__index = globals
  setmetatable(made, meta)
end

-- What is left -------------------------------------------------------------------------------------------------------

globals.package = {
  loaded = loaded, preload = preload, seeall = seeall, loadlib = allowed.loadlib and package.loadlib or nil,
}
globals.os = allowed.os and os or { time = os.time, date = os.date, clock = os.clock, difftime = os.difftime }
globals.io = allowed.io and io or nil
globals.debug = allowed.debug and debug or nil
if not allowed.io then globals.dofile, globals.loadfile = nil, nil end
globals.python, globals.newproxy = nil, nil
globals.pairs, globals.ipairs = json_pairs, json_ipairs
for _, name in ipairs({ "os", "io", "debug", "package" }) do loaded[name] = globals[name] end

return {
  rearm = rearm, begin = begin, state = state, sethook = sethook,
  compiled = compiled, loaded = loaded, globals = globals,
}
