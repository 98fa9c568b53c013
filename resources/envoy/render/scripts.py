"""The two Lua scripts of the gateway: what a platform's answer means, and whether a model is ready.

``body()`` waits for the body, and what a script has of the request before that may not be used after it.
"""

UPSTREAM = """
-- Reads a platform's answer as the Open Inference Protocol would have it. A client's mistake goes back to the client;
-- anything else that is not a prediction means that this upstream cannot serve: 503, so that it fails over and is
-- ejected (429 and 408 stay what they are: they fail over and are not ejected).
--
-- How a platform wraps its container's errors is in the route's metadata, "errors": see ErrorEnvelope.
--
-- It also counts how much each upstream has failed lately: an answer that cannot be used adds 1, any other removes
-- GOOD. So whatever fails more than a fifth of its requests gathers FULL, busy or not, and then is "degraded" for
-- Envoy: for some seconds it is tried last.
local FULL, GOOD = 5, 0.25
local blame = {}

local CLIENT = {["400"] = true, ["413"] = true, ["415"] = true, ["422"] = true}

local function escape(text)
  return (text:gsub('[%c"\\\\]', function(c) return string.format("\\\\u%04x", c:byte()) end))
end

local function unescape(text)
  local plain = {n = "\\n", t = "\\t", r = "\\r", b = "\\b", f = "\\f"}
  return (text:gsub("\\\\(.)", function(c) return plain[c] or c end))
end

local function judge(handle, usable)
  if usable and next(blame) == nil then return end
  local upstream = handle:metadata():get("upstream")
  local before = blame[upstream] or 0
  local now = usable and before - GOOD or math.min(before + 1, FULL)
  blame[upstream] = now > 0 and now or nil
  -- Envoy does not look for this on a 5xx, so the next usable answer carries it too.
  if math.max(before, now) == FULL then handle:headers():replace("x-envoy-degraded", "1") end
end

local function answer(handle, status, text)
  local length = handle:body(true):setBytes(text)
  local headers = handle:headers()
  headers:replace(":status", status)
  headers:replace("content-type", "application/json")
  headers:replace("content-length", tostring(length))
  headers:remove("content-encoding")
end

-- The value of a header that the platform may not have: an empty name is none.
local function value(headers, name)
  return name ~= "" and headers:get(name) or nil
end

-- A text from the value of a JSON field on; nil without the field.
local function from_field(text, name)
  if name == "" then return nil end
  local stop = select(2, text:find('"' .. name:gsub("%p", "%%%0") .. '"%s*:%s*'))
  return stop and text:sub(stop + 1)
end

local function number_in(text, name)
  local tail = from_field(text, name)
  return tail and tail:match('^"?(%d+)')
end

local function text_in(text, name)
  local tail = from_field(text, name)
  if not tail or tail:sub(1, 1) ~= '"' then return nil end
  local stop = 2
  while stop <= #tail and tail:sub(stop, stop) ~= '"' do
    stop = stop + (tail:sub(stop, stop) == "\\\\" and 2 or 1)
  end
  return unescape(tail:sub(2, stop - 1))
end

-- A client's query is not the upstream's: what is sent, and signed, is the upstream's own URL.
function envoy_on_request(handle)
  local headers = handle:headers()
  local path = headers:get(":path")
  local query = path:find("?", 1, true)
  if query then headers:replace(":path", path:sub(1, query - 1)) end
end

function envoy_on_response(handle)
  local headers = handle:headers()
  local status = headers:get(":status")
  if status:sub(1, 1) == "2" then return judge(handle, true) end
  local target, errors = handle:metadata():get("target"), handle:metadata():get("errors")
  local meant = status
  if status == errors.status then
    local buffer = handle:body(true)
    local text = buffer:length() > 0 and buffer:getBytes(0, buffer:length()) or ""
    headers = handle:headers()
    meant = value(headers, errors.status_header) or number_in(text, errors.status_field) or status
    if CLIENT[meant] then
      text = text_in(text, errors.message_field) or text
      if not text:find('^%s*{.*"error"') then text = '{"error": "' .. escape(text) .. '"}' end
      judge(handle, true)
      return answer(handle, meant, text)
    end
  elseif CLIENT[status] and not value(headers, errors.platform_header) then
    return judge(handle, true)
  end
  judge(handle, false)
  local final = (meant == "429" or meant == "408") and meant or "503"
  local reason = status == meant and status or (status .. ", its model " .. meant)
  answer(handle, final, '{"error": "' .. target .. " cannot serve this now (it answered " .. reason .. ')."}')
end
"""

MODEL_READY = """
-- Sends the golden row to whichever upstream would be tried now, with the same retries as a client's request.
function envoy_on_request(handle)
  local golden = handle:metadata():get("golden")
  local length = handle:body(true):setBytes(golden)
  handle:headers():replace("x-intermodal-probe", "1")
  handle:headers():replace(":method", "POST")
  handle:headers():replace("content-type", "application/json")
  handle:headers():replace("content-length", tostring(length))
end

function envoy_on_response(handle)
  local ready = handle:headers():get(":status") == "200"
  local text = handle:metadata():get(ready and "ready" or "unready")
  local length = handle:body(true):setBytes(text)
  local headers = handle:headers()
  headers:replace(":status", ready and "200" or "503")
  headers:replace("content-type", "application/json")
  headers:replace("content-length", tostring(length))
end
"""
