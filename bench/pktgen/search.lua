-- SPDX-License-Identifier: Apache-2.0
-- What encrypt.lua and decrypt.lua share: the settings, one trial, the search for the
-- highest rate without loss (RFC 2544 26.1), and the result.
--
-- A trial sends a fixed number of packets at a fixed rate. It is passed if every one came
-- out of the gateway and the generator kept the rate: a memif ring that is full makes
-- Pktgen wait, so there an overload shows as a late end before it shows as a loss.
--
-- Settings are environment variables, since Pktgen gives a script no arguments:
--   SIZE         64, 512, 1400: bytes of the inner IP packet; or imix (a pcap, see docs)
--   CLIENTS      10000
--   GATEWAY_MAC  of the gateway's port that packets are sent to
--   SECONDS      a trial of plaintext; 2
--   PACKETS      a trial of ESP: as many as the pcap holds
--   RENEW        a command that gives the gateway fresh replay windows; before each trial of ESP
--   MAX_MPPS     where the search begins; 40. More than the link carries is no harm
--   RESOLUTION   where it ends, in per cent; 2
--   RESULT       a file for the result, one JSON record
--   LINGER       seconds until Pktgen quits after that; 0
local search = {}

local SLOW_MS = 50          -- a trial begins with a burst a millisecond: Pktgen builds its packets meanwhile
local LOOK_MS = 1100        -- Pktgen looks at the ports' counters once a second
local BURST = 32
local LATE = 1.02           -- of a trial's time: as late as it may end ...
local SLACK = 0.004         -- ... and so many seconds more for looking at the clock

function search.setting(name, default)
	local value = os.getenv(name)
	if value == nil or value == "" then
		if default == nil then
			error(name .. " is not set; see the head of search.lua", 0)
		end
		return default
	end
	return value
end

-- Seconds of the monotonic clock. Lua has no clock of this kind, but the kernel's list of timers begins with it.
local function now()
	local file = assert(io.open("/proc/timer_list"), "/proc/timer_list cannot be read: are you root?")
	local at
	repeat
		local line = file:read("l")
		at = line and line:match("^now at (%d+) nsecs")
	until at or line == nil
	file:close()
	return assert(tonumber(at), "/proc/timer_list tells no time") / 1e9
end

local function say(...)
	io.stderr:write(string.format(...), "\n")
end

-- Pktgen tells a rate as packets a second and as cycles between two bursts: their product is the clock.
local function clock_hz(port)
	pktgen.set(port, "burst", BURST)
	pktgen.set(port, "rate", 0.1)
	pktgen.delay(100)
	local debug = pktgen.portInfo(port)[tonumber(port)].info.tx_debug
	assert(debug.tx_pps > 0, "port " .. port .. " has no link: is the gateway running?")
	return debug.tx_cycles / BURST * debug.tx_pps
end

function search.open(from, to)
	local s = {from = from, to = to, trials = 0}
	s.size = search.setting("SIZE")
	s.bytes = tonumber(s.size) or (7 * 64 + 4 * 594 + 1400) / 12
	s.clients = tonumber(search.setting("CLIENTS", "10000"))
	s.seconds = tonumber(search.setting("SECONDS", "2"))
	s.max = tonumber(search.setting("MAX_MPPS", "40")) * 1e6
	s.resolution = tonumber(search.setting("RESOLUTION", "2")) / 100
	pktgen.screen("off")
	pktgen.stop("all")
	pktgen.reset("all")
	pktgen.delay(100)
	s.hz = clock_hz(from)
	return s
end

-- Cycles between two bursts: finer than Pktgen's per cents of a link whose speed memif makes up.
-- Of both ports, because one lcore keeps the time of its first port for all.
local function pace(s, pps)
	pktgen.set("all", "cycles", math.max(1, math.floor(s.hz * BURST / pps)))
end

-- Looks once a millisecond; the clock costs more than that, so it is read rarely. Returns the time of the
-- end, and whether the port ended by itself within about `limit` seconds.
local function wait_sent(s, limit)
	local start, looks = now(), 0
	while pktgen.isSending(s.from)[tonumber(s.from)] == "y" do
		looks = looks + 1
		if looks % 500 == 0 and now() - start > limit then
			pktgen.stop(s.from)
			return now(), false
		end
		pktgen.delay(1)
	end
	return now(), true
end

-- Packets sent and received, once the counters stand still.
local function counted(s, count)
	local sent, received, last = 0, 0, -1
	for _ = 1, 10 do
		pktgen.delay(LOOK_MS)
		local stats = pktgen.portStats("all", "port")
		sent = stats[tonumber(s.from)].opackets
		received = stats[tonumber(s.to)].ipackets
		if sent >= count and (received >= sent or received == last) then
			break
		end
		last = received
	end
	return sent, received
end

-- One trial at `pps`; `count` packets, a multiple of BURST.
local function trial(s, pps, count)
	local slow = s.hz / 1000
	local t = {pps = pps, count = count}
	if s.renew and not os.execute(s.renew) then
		error("'" .. s.renew .. "' failed", 0)
	end
	pktgen.clr()
	pktgen.set(s.from, "count", count)
	pktgen.set("all", "cycles", math.floor(slow))
	pktgen.start(s.from)
	pktgen.delay(SLOW_MS)
	local start = now()
	pace(s, pps)
	local finish, ended = wait_sent(s, count / pps * 4 + 5)
	t.took = finish - start
	t.expected = math.max(0, count - SLOW_MS * BURST) / pps
	t.sent, t.received = counted(s, count)
	t.lost = math.max(0, t.sent - t.received)
	t.late = not ended or t.took > t.expected * LATE + SLACK
	t.passed = t.lost == 0 and not t.late
	s.trials = s.trials + 1
	say("  %6.2f Mpps for %.2f s: %d sent, %d lost (%.4f %%)%s", pps / 1e6, t.took, t.sent, t.lost,
	    100 * t.lost / math.max(1, t.sent), t.late and string.format(", late: %.2f Mpps", t.sent / t.took / 1e6) or "")
	return t
end

local function packets(s, pps)
	local n = s.packets or pps * s.seconds
	return math.max(BURST * SLOW_MS * 2, math.floor(n / BURST) * BURST)
end

-- Halves the interval between a rate that passed and one that failed. The first guess of the upper end is
-- what the generator got through when it asked for too much; where no rate below failed, the end moves up.
-- Returns the best trial, or nil, and the first one.
local function halve(s)
	local low, high, best, failed = 0, s.max, nil, false
	local first = trial(s, high, packets(s, high / 4))
	if first.passed then
		return first, first
	end
	high = math.min(high, first.sent / first.took * 1.1)
	while high >= 1000 do
		if high - low <= high * s.resolution then
			if failed or high >= s.max then
				break
			end
			high = math.min(s.max, high * 1.3)
		end
		local pps = best and (low + high) / 2 or high * 0.75
		local t = trial(s, pps, packets(s, pps))
		if t.passed then
			low, best = pps, t
		else
			high, failed = pps, true
		end
	end
	return best, first
end

local function write_result(s, direction, best, first)
	local rate = best and best.pps or 0
	local record = string.format(
		'{"generator": "%s", "direction": "%s", "size": %d, "mix": "%s", "clients": %d, ' ..
		'"mpps": %.4f, "gbps": %.4f, "loss": %d, ' ..
		'"trials": %d, "seconds": %.3f, "overload_mpps": %.4f, "overload_loss": %.6f}',
		pktgen.info.Pktgen_Version, direction, math.floor(s.bytes), s.size, s.clients,
		rate / 1e6, rate * s.bytes * 8 / 1e9, best and best.lost or 0,
		s.trials, best and best.took or 0, first.received / first.took / 1e6, first.lost / math.max(1, first.sent))
	local name = search.setting("RESULT", "-")
	if name == "-" then
		say("%s", record)
	else
		local file = assert(io.open(name .. ".part", "w"))
		file:write(record, "\n")
		file:close()
		assert(os.rename(name .. ".part", name))
	end
end

-- Whatever happens, Pktgen ends with the script.
function search.main(direction, body)
	local ok, message = pcall(function()
		local s = body()
		write_result(s, direction, halve(s))
		pktgen.delay(tonumber(search.setting("LINGER", "0")) * 1000)
	end)
	if not ok then
		say("%s: %s", direction, tostring(message))
	end
	pktgen.stop("all")
	pktgen.quit()
end

return search
