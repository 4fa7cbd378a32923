-- The request that scripts/bench has wrk send, and the one line of results that it reads.

wrk.method = os.getenv("BENCH_METHOD")
if wrk.method == "PUT" then
    wrk.body = os.getenv("BENCH_BODY")
    wrk.headers["Content-Type"] = "application/json"
end
if os.getenv("BENCH_TOKEN") then
    wrk.headers["Authorization"] = "Bearer " .. os.getenv("BENCH_TOKEN")
else
    wrk.headers["X-API-Key"] = os.getenv("BENCH_KEY")
end
wrk.headers["X-Tenant-ID"] = os.getenv("BENCH_TENANT")

-- Durations are in microseconds. wrk counts a status from 400 on as an error.
function done(summary, latency)
    local errors = summary.errors
    print(string.format("result %d %d %d %d", summary.requests, summary.duration, latency:percentile(99),
        errors.connect + errors.read + errors.write + errors.timeout + errors.status))
end
