-- JSON objects as scripts see them: userdata with json-c's manners, over a shared tree that is never written.
--
-- A tree's nodes are plain tables: the members themselves under their names (arrays: under 1 to n), and what belongs to
-- the node under keys that no script can have: NAMES (their order), COUNT and ARRAY, RAW (the text of a number that Lua
-- cannot hold, and of null), TEXT (json-c's spaced form, once asked for). One tree serves all points of one finding.
--
-- A proxy's state (its "cell") is its environment table: debug.setfenv costs less than a metatable for each object.
-- A cell has what was read of nested nodes, the epoch, and from the first write on everything (OWN): so what a script
-- writes is seen by whoever has that object, and by nobody else.

local debug, string, table, math = debug, string, table, math
local getcell, setcell, getmt = debug.getfenv, debug.setfenv, debug.getmetatable
local find, sub, gsub, byte = string.find, string.sub, string.gsub, string.byte
local char, format = string.char, string.format
local concat, sort, floor = table.concat, table.sort, math.floor
local type, next, error, pcall, tostring, tonumber = type, next, error, pcall, tostring, tonumber
local newproxy, rawget, ipairs, remove = newproxy, rawget, ipairs, table.remove

local MAX_DEPTH = 32       -- json-c's own limit; also what ends an object that holds itself
local MAX_GAP = 65536      -- an index may lie this far behind an array's end: `arr[1e9] = 1` would fill the memory

local NAMES, COUNT, ARRAY, RAW, TEXT, NODE, OWN = {}, {}, {}, {}, {}, {}, {}
local SCALAR, EPOCH, NUMBER_IN_HOST = {}, {}, {}
local NOTHING = {}
local proxies = newproxy(true)
local META = getmt(proxies)

local function wrap(node)
  local proxy = newproxy(proxies)
  setcell(proxy, { [NODE] = node })
  return proxy
end

local function is_object(value)
  return type(value) == "userdata" and getmt(value) == META
end

-- Text ---------------------------------------------------------------------------------------------------------------

local ESCAPES = { ['"'] = '\\"', ["\\"] = "\\\\", ["/"] = "\\/", ["\b"] = "\\b", ["\f"] = "\\f", ["\n"] = "\\n",
  ["\r"] = "\\r", ["\t"] = "\\t" }
for code = 0, 31 do
  ESCAPES[char(code)] = ESCAPES[char(code)] or format("\\u%04x", code)
end

local function quoted(text)
  return '"' .. gsub(text, '[%z\1-\31"\\/]', ESCAPES) .. '"'
end

local function number_text(number)
  if number ~= number then return "NaN" end
  if number == 1 / 0 then return "Infinity" end
  if number == -1 / 0 then return "-Infinity" end
  if number == floor(number) and number > -2 ^ 63 and number < 2 ^ 63 then return format("%.0f", number) end
  local text = format("%.17g", number)
  return find(text, "[.e]") and text or text .. ".0"
end

local object_text

local function value_text(value, raw, depth)
  if raw then return raw end
  local kind = type(value)
  if kind == "string" then return quoted(value) end
  if kind == "number" then return number_text(value) end
  if kind == "boolean" then return tostring(value) end
  if kind == "nil" then return "null" end
  return object_text(value, depth + 1)
end

-- The members of `from`, a node or an owned cell, whose order and raw texts `home` has.
local function members_text(from, depth)
  if depth > MAX_DEPTH then error("a JSON object is nested deeper than 32, or holds itself", 0) end
  local raw, parts = from[RAW] or NOTHING, {}
  if from[ARRAY] then
    for index = 1, from[COUNT] do parts[index] = value_text(from[index], raw[index], depth) end
    return #parts == 0 and "[ ]" or "[ " .. concat(parts, ", ") .. " ]"
  end
  for index, name in ipairs(from[NAMES]) do
    parts[index] = quoted(name) .. ": " .. value_text(from[name], raw[name], depth)
  end
  return #parts == 0 and "{ }" or "{ " .. concat(parts, ", ") .. " }"
end

local function node_text(node, depth)
  local text = node[TEXT]
  if not text then
    text = members_text(node, depth)
    node[TEXT] = text
  end
  return text
end

-- Whether nothing below `cell` was written: then the text of its node holds.
local function untouched(cell)
  if cell[OWN] then return false end
  for _, value in next, cell do
    if type(value) == "userdata" and not untouched(getcell(value)) then return false end
  end
  return true
end

-- A cell that was not written itself, but something below it.
local function mixed_text(cell, depth)
  local node = cell[NODE]
  local seen = { [ARRAY] = node[ARRAY], [COUNT] = node[COUNT], [NAMES] = node[NAMES], [RAW] = node[RAW] }
  for name, value in next, node do
    if type(name) ~= "table" then seen[name] = value end
  end
  for name, value in next, cell do
    if type(name) ~= "table" and type(value) == "userdata" then seen[name] = value end
  end
  return members_text(seen, depth)
end

function object_text(object, depth)
  if type(object) == "table" then return node_text(object, depth) end
  local cell = getcell(object)
  if cell[OWN] then return members_text(cell, depth) end
  local text = untouched(cell) and node_text(cell[NODE], depth) or mixed_text(cell, depth)
  local epoch = cell[EPOCH]
  -- Only a point has an epoch beside its node; its node is never empty.
  return epoch and '{ "epoch": ' .. epoch .. "," .. sub(text, 2) or text
end

-- Writing ------------------------------------------------------------------------------------------------------------

local function seen_value(value)
  return type(value) == "table" and wrap(value) or value
end

-- From now on `cell` has everything itself.
local function own(cell)
  local node, raw, names = cell[NODE], {}, {}
  for name, text in next, node[RAW] or NOTHING do raw[name] = text end
  if node[ARRAY] then
    for index = 1, node[COUNT] do
      if cell[index] == nil then cell[index] = seen_value(node[index]) end
    end
    cell[ARRAY], cell[COUNT] = true, node[COUNT]
  else
    if cell[EPOCH] then names[1] = "epoch" end
    for _, name in ipairs(node[NAMES]) do
      names[#names + 1] = name
      if cell[name] == nil then cell[name] = seen_value(node[name]) end
    end
  end
  cell[NAMES], cell[RAW], cell[NODE], cell[OWN] = names, raw, NOTHING, true
  cell[SCALAR], cell[EPOCH] = nil, nil
end

local from_table

local function to_json(value, depth)
  local kind = type(value)
  if kind == "nil" or kind == "boolean" or kind == "number" or kind == "string" then return value end
  if kind == "table" then return from_table(value, depth) end
  if is_object(value) then
    local cell = getcell(value)
    if cell[SCALAR] then return cell[SCALAR][1] end
    return value
  end
  error("a " .. kind .. " cannot stand in a JSON object", 0)
end

function from_table(values, depth)
  if depth > MAX_DEPTH then error("a table is nested deeper than 32, or holds itself", 0) end
  local cell = { [NODE] = NOTHING, [OWN] = true, [RAW] = {}, [NAMES] = {} }
  if rawget(values, 1) ~= nil then
    local count = 0
    while rawget(values, count + 1) ~= nil do
      count = count + 1
      cell[count] = to_json(rawget(values, count), depth + 1)
    end
    cell[ARRAY], cell[COUNT] = true, count
  else
    local names = cell[NAMES]
    for key, value in next, values do
      local name = tostring(key)
      if cell[name] == nil then names[#names + 1] = name end
      cell[name] = to_json(value, depth + 1)
    end
    sort(names)
  end
  local proxy = newproxy(proxies)
  setcell(proxy, cell)
  return proxy
end

local function set_index(cell, key, value)
  if type(key) ~= "number" or key ~= floor(key) or key < 1 then
    error("a JSON array takes whole numbers from 1 as its keys, not " .. tostring(key), 3)
  end
  local count, raw = cell[COUNT], cell[RAW]
  if key > count + MAX_GAP then error("index " .. key .. " lies too far behind the end of a JSON array", 3) end
  for index = count + 1, key do raw[index] = "null" end
  cell[COUNT] = key > count and key or count
  cell[key] = value
  raw[key] = value == nil and "null" or nil
end

local function set_member(cell, key, value)
  local name = type(key) == "string" and key or tostring(key)
  local names, raw = cell[NAMES], cell[RAW]
  if value == nil then
    for index = #names, 1, -1 do
      if names[index] == name then remove(names, index) end
    end
  elseif cell[name] == nil and raw[name] == nil then
    names[#names + 1] = name
  end
  cell[name], raw[name] = value, nil
end

-- Reading ------------------------------------------------------------------------------------------------------------

function META.__index(object, key)
  local cell = getcell(object)
  local value = cell[key]
  if value ~= nil then return value end
  value = cell[NODE][key]
  if type(value) ~= "table" then
    -- An object's members have strings for names: what was written under a number is found again.
    if value == nil and type(key) == "number" and not (cell[OWN] and cell or cell[NODE])[ARRAY] then
      return META.__index(object, tostring(key))
    end
    return value
  end
  value = wrap(value)
  cell[key] = value
  return value
end

function META.__newindex(object, key, value)
  local cell = getcell(object)
  local ok, made = pcall(to_json, value, 1)
  if not ok then error(made, 2) end
  if not cell[OWN] then own(cell) end
  if cell[ARRAY] then set_index(cell, key, made) else set_member(cell, key, made) end
end

function META.__len(object)
  local cell = getcell(object)
  local home = cell[OWN] and cell or cell[NODE]
  return home[ARRAY] and home[COUNT] or #home[NAMES] + (cell[EPOCH] and 1 or 0)
end

function META.__tostring(object) return object_text(object, 1) end

function META.__concat(left, right)
  if is_object(left) then left = object_text(left, 1) end
  if is_object(right) then right = object_text(right, 1) end
  for _, kind in ipairs({ type(left), type(right) }) do
    if kind ~= "string" and kind ~= "number" then error("attempt to concatenate a " .. kind .. " value", 2) end
  end
  return left .. right
end

META.__metatable = false

local function names_of(object)
  local cell, names = getcell(object), {}
  local home = cell[OWN] and cell or cell[NODE]
  if home[ARRAY] then
    for index = 1, home[COUNT] do names[index] = index end
    return names
  end
  if cell[EPOCH] then names[1] = "epoch" end
  for _, name in ipairs(home[NAMES]) do names[#names + 1] = name end
  return names
end

local plain_pairs, plain_ipairs, index_of = pairs, ipairs, META.__index

local function json_pairs(object)
  if not is_object(object) then return plain_pairs(object) end
  local names, at = names_of(object), 0
  return function()
    at = at + 1
    if names[at] ~= nil then return names[at], index_of(object, names[at]) end
  end
end

local function json_ipairs(object)
  if not is_object(object) then return plain_ipairs(object) end
  return function(_, at)
    local value = index_of(object, at + 1)
    if value ~= nil then return at + 1, value end
  end, object, 0
end

-- Parsing ------------------------------------------------------------------------------------------------------------

-- json-c's codes and words.
local ERRORS = { [0] = "success", "continue", "nesting too deep", "unexpected end of data", "unexpected character",
  "null expected", "boolean expected", "number expected", "array value separator ',' expected",
  "quoted object property name expected", "object property name separator ':' expected",
  "object value separator ',' expected", "invalid string sequence", "expected comment" }
local DEPTH, EOF, UNEXPECTED, NULL, BOOLEAN, NUMBER, ARRAY_SEP = 2, 3, 4, 5, 6, 7, 8
local KEY_NAME, KEY_SEP, VALUE_SEP, STRING, COMMENT = 9, 10, 11, 12, 13

local Failed = {}

local function fail(text, at, code)
  error({ Failed, at > #text and EOF or code, at }, 0)
end

-- Where the next thing begins at or behind `at`. In compact text that is `at` itself.
local function skip(text, at)
  local first = byte(text, at)
  if first and first > 32 and first ~= 47 then return at end
  at = find(text, "[^ \t\n\r\v\f]", at) or #text + 1
  while byte(text, at) == 47 do  -- a comment
    local kind, last = byte(text, at + 1), nil
    if kind == 42 then
      _, last = find(text, "*/", at + 2, true)
    elseif kind == 47 then
      last = find(text, "\n", at + 2, true)
    else
      fail(text, at + 1, COMMENT)
    end
    if not last then fail(text, #text + 1, EOF) end
    at = find(text, "[^ \t\n\r\v\f]", last + 1) or #text + 1
  end
  return at
end

local function utf8(code)
  if code < 0x80 then return char(code) end
  if code < 0x800 then return char(0xC0 + floor(code / 64), 0x80 + code % 64) end
  if code < 0x10000 then
    return char(0xE0 + floor(code / 4096), 0x80 + floor(code / 64) % 64, 0x80 + code % 64)
  end
  return char(0xF0 + floor(code / 262144), 0x80 + floor(code / 4096) % 64, 0x80 + floor(code / 64) % 64,
    0x80 + code % 64)
end

local UNESCAPED = { b = "\b", f = "\f", n = "\n", r = "\r", t = "\t", ['"'] = '"', ["\\"] = "\\", ["/"] = "/" }

local function hex4(text, at)
  local _, last, digits = find(text, "^(%x%x%x%x)", at)
  return last and tonumber(digits, 16)
end

-- What `\uXXXX` at `at` says and where it ends; half a pair becomes U+FFFD.
local function unicode(text, at)
  local code = hex4(text, at + 2) or fail(text, #text - at < 5 and #text + 1 or at, STRING)
  if code >= 0xD800 and code < 0xDC00 and sub(text, at + 6, at + 7) == "\\u" then
    local low = hex4(text, at + 8)
    if low and low >= 0xDC00 and low < 0xE000 then
      return utf8(0x10000 + (code - 0xD800) * 1024 + low - 0xDC00), at + 12
    end
  end
  return utf8(code >= 0xD800 and code < 0xE000 and 0xFFFD or code), at + 6
end

-- The string whose first octet behind the quote is at `at`.
local function parse_string(text, at)
  local stop = find(text, '["\\]', at) or fail(text, #text + 1, EOF)
  if byte(text, stop) == 34 then return sub(text, at, stop - 1), stop + 1 end
  local parts = {}
  while true do
    parts[#parts + 1] = sub(text, at, stop - 1)
    if byte(text, stop) == 34 then return concat(parts), stop + 1 end
    local letter = sub(text, stop + 1, stop + 1)
    if letter == "u" then
      parts[#parts + 1], at = unicode(text, stop)
    else
      parts[#parts + 1], at = UNESCAPED[letter] or fail(text, stop + 1, STRING), stop + 2
    end
    stop = find(text, '["\\]', at) or fail(text, #text + 1, EOF)
  end
end

local function parse_number(text, at)
  local _, last, digits = find(text, "^(-?%d+%.?%d*[eE]?[+-]?%d*)", at)
  local number = last and tonumber(digits)
  if not number then fail(text, last and last + 1 or at, last and NUMBER or UNEXPECTED) end
  -- What Lua would write otherwise is kept as it came: 1.0, 1e3, 18446744073709551615.
  local sound = not (find(digits, "^-?0%d") or find(digits, "%.%D") or find(digits, "%.$"))
  local other = sound and number_text(number) ~= digits
  return number, last + 1, other and digits or nil
end

local LITERALS = { t = { "true", true, BOOLEAN }, f = { "false", false, BOOLEAN }, n = { "null", nil, NULL } }

local function parse_literal(text, at, literal)
  local word = literal[1]
  if sub(text, at, at + #word - 1) ~= word then
    fail(text, sub(word, 1, #text - at + 1) == sub(text, at) and #text + 1 or at, literal[3])
  end
  return literal[2], at + #word, literal[2] == nil and "null" or nil
end

local parse_value

local function parse_array(text, at, depth)
  local node, count = { [ARRAY] = true }, 0
  at = skip(text, at)
  while byte(text, at) ~= 93 do
    local raw
    count = count + 1
    node[count], at, raw = parse_value(text, at, depth + 1)
    if raw then
      node[RAW] = node[RAW] or {}
      node[RAW][count] = raw
    end
    at = skip(text, at)
    if byte(text, at) == 44 then
      at = skip(text, at + 1)
    elseif byte(text, at) ~= 93 then
      fail(text, at, ARRAY_SEP)
    end
  end
  node[COUNT] = count
  return node, at + 1
end

local function parse_object(text, at, depth)
  local names, met = {}, {}
  local node = { [NAMES] = names }
  at = skip(text, at)
  while byte(text, at) ~= 125 do
    if byte(text, at) ~= 34 then fail(text, at, KEY_NAME) end
    local name, value, raw
    name, at = parse_string(text, at + 1)
    at = skip(text, at)
    if byte(text, at) ~= 58 then fail(text, at, KEY_SEP) end
    value, at, raw = parse_value(text, skip(text, at + 1), depth + 1)
    if not met[name] then names[#names + 1] = name end
    met[name], node[name] = true, value
    if raw or node[RAW] then
      node[RAW] = node[RAW] or {}
      node[RAW][name] = raw
    end
    at = skip(text, at)
    if byte(text, at) == 44 then
      at = skip(text, at + 1)
    elseif byte(text, at) ~= 125 then
      fail(text, at, VALUE_SEP)
    end
  end
  return node, at + 1
end

function parse_value(text, at, depth)
  local first = byte(text, at)
  if first == 34 then return parse_string(text, at + 1) end
  if first == 123 or first == 91 then
    if depth > MAX_DEPTH then fail(text, at, DEPTH) end
    return (first == 123 and parse_object or parse_array)(text, at + 1, depth)
  end
  local literal = first and LITERALS[char(first)]
  if literal then return parse_literal(text, at, literal) end
  return parse_number(text, at)
end

local function parse(text)
  local value, at = parse_value(text, skip(text, 1), 1)
  at = skip(text, at)
  if at <= #text then fail(text, at, UNEXPECTED) end
  return value
end

-- What scripts call --------------------------------------------------------------------------------------------------

local json = {
  ERROR_DEPTH = DEPTH, ERROR_PARSE_EOF = EOF, ERROR_PARSE_UNEXPECTED = UNEXPECTED, ERROR_PARSE_NULL = NULL,
  ERROR_PARSE_BOOLEAN = BOOLEAN, ERROR_PARSE_NUMBER = NUMBER, ERROR_PARSE_ARRAY = ARRAY_SEP,
  ERROR_PARSE_OBJECT_KEY_NAME = KEY_NAME, ERROR_PARSE_OBJECT_KEY_SEP = KEY_SEP,
  ERROR_PARSE_OBJECT_VALUE_SEP = VALUE_SEP, ERROR_PARSE_STRING = STRING, ERROR_PARSE_COMMENT = COMMENT,
}

-- The object that `text` describes (a scalar as Lua's own); or nil, a code and words.
function json.decode(text)
  if type(text) ~= "string" then error("json.decode takes a string, not a " .. type(text), 2) end
  local ok, value = pcall(parse, text)
  if ok then
    if value == nil then return nil, 0, ERRORS[0] end
    return seen_value(value)
  end
  if type(value) ~= "table" or value[1] ~= Failed then error(value, 0) end
  return nil, value[2], ERRORS[value[2]] .. " at octet " .. value[3]
end

-- A JSON object of any value that can be one.
function json.encode(value)
  if is_object(value) then return value end
  local ok, made = pcall(to_json, value, 1)
  if not ok then error(made, 2) end
  if type(made) == "userdata" then return made end
  local proxy = newproxy(proxies)
  setcell(proxy, { [NODE] = { [NAMES] = {}, [TEXT] = value_text(made, nil, 1) }, [SCALAR] = { made } })
  return proxy
end

function json.new() return wrap({ [NAMES] = {} }) end

function json.strerror(code)
  return ERRORS[code] or "unknown error, invalid json_tokener_error value"
end

-- What the host calls: the tree of a finding, and the object that one call is given.
local function point(node, epoch)
  local proxy = newproxy(proxies)
  setcell(proxy, { [NODE] = node, [EPOCH] = epoch, epoch = epoch })
  return proxy
end

local function tree(text, number)
  local node = parse(text)
  node[NUMBER_IN_HOST] = number
  return node
end

local function forget(node) node[NUMBER_IN_HOST] = nil end

-- The number of a point's finding and the point's epoch, if the host knows its text: nothing of it was written.
local function known(object)
  local cell = getcell(object)
  local number = cell[EPOCH] and cell[NODE][NUMBER_IN_HOST]
  if number and untouched(cell) then return number, cell[EPOCH] end
end

return {
  json = json, tree = tree, forget = forget, point = point, known = known, is_object = is_object,
  pairs = json_pairs, ipairs = json_ipairs,
}
