-- SPDX-License-Identifier: Apache-2.0
-- ESP of the clients into port 1, the uplink's side; plaintext comes back on port 0. Pktgen cannot
-- encrypt: it replays the pcap that it was started with (-s 1:FILE, made by `pktgen-clients
-- pcap`), once in each trial, and RENEW gives the gateway fresh replay windows before.
-- Run by Pktgen-DPDK (-f bench/pktgen/decrypt.lua); settings: search.lua.
package.path = (debug.getinfo(1, "S").source:match("^@(.*/)") or "./") .. "?.lua;" .. package.path
local search = require("search")

search.main("decrypt", function()
	local s = search.open("1", "0")
	s.packets = tonumber(search.setting("PACKETS"))
	s.renew = search.setting("RENEW")
	pktgen.pcap("1", "on")
	return s
end)
