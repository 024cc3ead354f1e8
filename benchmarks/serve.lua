-- wrk posts one picture again and again, as a form, and prints what it measured as JSON.
local path = os.getenv("PICTURE")
local file = io.open(path, "rb")
local picture = file:read("*all")
file:close()
wrk.method = "POST"
wrk.headers["Content-Type"] = "multipart/form-data; boundary=b"
wrk.body = '--b\r\nContent-Disposition: form-data; name="image"; filename="a.jpg"\r\n'
  .. 'Content-Type: image/jpeg\r\n\r\n' .. picture .. '\r\n--b--\r\n'

function done(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format(
    '{"requests": %d, "s": %f, "bad": %d, "p50": %f, "p95": %f, "p99": %f}\n',
    summary.requests, summary.duration / 1e6,
    errors.connect + errors.read + errors.write + errors.status + errors.timeout,
    latency:percentile(50) / 1e3, latency:percentile(95) / 1e3, latency:percentile(99) / 1e3))
end
