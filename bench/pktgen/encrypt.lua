-- SPDX-License-Identifier: Apache-2.0
-- Plaintext for a range of clients into port 0, the LAN's side; ESP comes back on port 1.
-- SIZE=imix replays the pcap that Pktgen was started with: a range has no mixed sizes.
-- Run by Pktgen-DPDK (-f bench/pktgen/encrypt.lua); settings: search.lua.
package.path = (debug.getinfo(1, "S").source:match("^@(.*/)") or "./") .. "?.lua;" .. package.path
local search = require("search")

local ETHERNET, CRC = 14, 4     -- Pktgen's sizes are those of whole frames
local FIRST, SERVER = "10.99.0.1", "10.20.0.10"

local function last_client(n)
	return string.format("10.99.%d.%d", n // 256, n % 256)
end

local function set_range(port, s)
	local frame = math.tointeger(s.bytes) + ETHERNET + CRC
	pktgen.range.dst_mac(port, "start", search.setting("GATEWAY_MAC"))
	pktgen.range.dst_ip(port, "start", FIRST)
	pktgen.range.dst_ip(port, "inc", "0.0.0.1")
	pktgen.range.dst_ip(port, "min", FIRST)
	pktgen.range.dst_ip(port, "max", last_client(s.clients))
	pktgen.range.src_ip(port, "start", SERVER)
	pktgen.range.src_ip(port, "inc", "0.0.0.0")
	pktgen.range.src_ip(port, "min", SERVER)
	pktgen.range.src_ip(port, "max", SERVER)
	pktgen.range.ip_proto(port, "udp")
	for _, which in ipairs({"src_port", "dst_port"}) do
		pktgen.range[which](port, "start", 9)
		pktgen.range[which](port, "inc", 0)
		pktgen.range[which](port, "min", 9)
		pktgen.range[which](port, "max", 9)
	end
	for _, what in ipairs({"start", "min", "max"}) do
		pktgen.range.pkt_size(port, what, frame)
	end
	pktgen.range.pkt_size(port, "inc", 0)
	pktgen.set_range(port, "on")
end

search.main("encrypt", function()
	local s = search.open("0", "1")
	if s.size == "imix" then
		pktgen.pcap("0", "on")
	else
		set_range("0", s)
	end
	return s
end)
