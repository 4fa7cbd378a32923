-- The requests that scripts/bench has wrk send, and the one line of results that it reads.

local function lines_of(path)
    local lines = {}
    for line in io.lines(path) do
        lines[#lines + 1] = line
    end
    return lines
end

-- One body with so many of the questions, for each place in the list where it can begin.
local function batches(questions, size)
    local bodies = {}
    for first = 1, #questions, size do
        bodies[#bodies + 1] = '{"requests":[' .. table.concat(questions, ",", first, math.min(first + size - 1, #questions)) .. "]}"
    end
    return bodies
end

wrk.method = os.getenv("BENCH_METHOD")
if wrk.method ~= "GET" then
    wrk.body = os.getenv("BENCH_BODY")
    wrk.headers["Content-Type"] = "application/json"
end
if os.getenv("BENCH_TOKEN") then
    wrk.headers["Authorization"] = "Bearer " .. os.getenv("BENCH_TOKEN")
else
    wrk.headers["X-API-Key"] = os.getenv("BENCH_KEY")
end
if os.getenv("BENCH_TENANT") ~= "" then
    wrk.headers["X-Tenant-ID"] = os.getenv("BENCH_TENANT")
end

-- With a file of questions, a line of it is the body of each request in turn. The requests are put together
-- before the load begins: it must not take the processor from the server.
if os.getenv("BENCH_QUESTIONS") then
    local requests, nth = {}, 0

    function init()
        local bodies = lines_of(os.getenv("BENCH_QUESTIONS"))
        if os.getenv("BENCH_BATCH") then
            bodies = batches(bodies, tonumber(os.getenv("BENCH_BATCH")))
        end
        for place, body in ipairs(bodies) do
            requests[place] = wrk.format(nil, nil, nil, body)
        end
    end

    function request()
        nth = nth % #requests + 1
        return requests[nth]
    end
end

-- Durations are in microseconds. wrk counts a status from 400 on as an error.
function done(summary, latency)
    local errors = summary.errors
    print(string.format("result %d %d %d %d", summary.requests, summary.duration, latency:percentile(99),
        errors.connect + errors.read + errors.write + errors.timeout + errors.status))
end
