/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The schema of what the dataplane reads: dataplane, ports, uplinks,
 * networks. Constant tables; any thread.
 */
#include "config/schema_parts.h"

static const struct cfg_word idle_words[] = {{"sleep", RG_IDLE_SLEEP}, {"spin", RG_IDLE_SPIN}, {0}};
static const struct cfg_word hugepages_words[] = {{"auto", 1}, {"off", 0}, {0}};
static const struct cfg_word mss_words[] = {{"path-mtu", 1}, {"off", 0}, {0}};
static const struct cfg_word balance_words[] = {{"on", 1}, {"off", 0}, {0}};
static const struct cfg_word nat_words[] = {{"auto", 1}, {"off", 0}, {0}};

static const struct cfg_key port_keys[] = {
        {"device", CFG_T_DEVICE, FIELD(rg_cfg_port, device), .flags = CFG_REQUIRED, .max = 63,
         .help = "What DPDK drives: a PCI NIC, `af_packet:` or `af_xdp:` and a Linux interface, or `vdev:` "
                 "and an EAL --vdev string."},
        {0},
};
static const struct cfg_section port_section = {"dataplane.ports.NAME",
                                                "A port of the fast path. A TAP of the same name carries its "
                                                "addresses in Linux, so the name is an interface name too.",
                                                port_keys};

static const struct cfg_key dataplane_keys[] = {
        {"workers", CFG_T_NUMBER, MANY(rg_cfg_dataplane, workers, n_workers), .min = 0, .max = 1023,
         .min_count = 1, .max_count = 32, .standard = "[0]",
         .help = "The CPUs of the workers, one worker each."},
        {"idle", CFG_T_WORD, FIELD(rg_cfg_dataplane, idle), .words = idle_words, .standard = "sleep",
         .help = "`sleep`: a worker without packets naps up to 100 us; `spin`: it polls on and owns its CPU "
                 "(production)."},
        {"hugepages", CFG_T_WORD, FIELD(rg_cfg_dataplane, hugepages), .words = hugepages_words,
         .standard = "auto", .help = "`auto`: used where the system has free ones; `off`: never."},
        {"memory", CFG_T_SIZE, FIELD(rg_cfg_dataplane, memory_mib), .unit = 1u << 20, .min = 64,
         .max = 1u << 20, .standard = "512MiB",
         .help = "Of the packet buffers: in hugepages of 2 MiB where so many are free, else in ordinary "
                 "memory."},
        {"max-sas", CFG_T_NUMBER, FIELD(rg_cfg_dataplane, max_sas), .min = 64, .max = (1u << 21) - 2,
         .standard = "16384",
         .help = "SAs in each direction; tables are made for so many at start, and for four times as many "
                 "policies."},
        {"socket", CFG_T_SOCKET, FIELD(rg_cfg_dataplane, socket), .max = 107,
         .standard = "/run/roamgate/dataplane.sock",
         .help = "Where roamgate-control and roamctl find the dataplane."},
        {"tun", CFG_T_IFNAME, FIELD(rg_cfg_dataplane, tun), .standard = "roamgate0",
         .help = "The TUN interface between the tunnels and the gateway's own kernel."},
        {"mss-clamp", CFG_T_WORD, FIELD(rg_cfg_dataplane, mss_clamp), .words = mss_words,
         .standard = "path-mtu",
         .help = "TCP's maximum segment size is lowered to what fits the tunnel's path, or left alone."},
        {"balance", CFG_T_WORD, FIELD(rg_cfg_dataplane, balance), .words = balance_words, .standard = "on",
         .help = "Tunnels move from the busiest worker to the idlest when their loads stay a quarter apart."},
        {"ports", CFG_T_SECTION, NAMED(rg_cfg_dataplane, ports, n_ports), .flags = CFG_REQUIRED,
         .section = &port_section, .min_count = 1, .max_count = 16, .help = "Ports by name."},
        {0},
};
const struct cfg_section cfg_dataplane_section = {
        "dataplane", "roamgate-dataplane: its CPUs, memory and ports. Changes need a restart of it.",
        dataplane_keys};

static const struct cfg_key uplink_keys[] = {
        {"port", CFG_T_PORT, FIELD(rg_cfg_uplink, port), .flags = CFG_REQUIRED,
         .help = "The port it is reached through."},
        {"addresses", CFG_T_INTERFACE, MANY(rg_cfg_uplink, addresses, n_addresses), .flags = CFG_REQUIRED,
         .min_count = 1, .max_count = 16,
         .help = "The gateway's addresses there, with their prefix lengths. Clients connect to them."},
        {"gateways", CFG_T_ADDRESS, MANY(rg_cfg_uplink, gateways, n_gateways), .max_count = 2,
         .help = "Next hops of its default routes, at most one of each family."},
        {"table", CFG_T_NUMBER, FIELD(rg_cfg_uplink, table), .min = 1, .max = UINT32_MAX,
         .standard_text = "101 for the first uplink, 102 for the second, ...",
         .help = "The kernel's routing table for packets from its addresses; not 253 to 255."},
        {"preference", CFG_T_NUMBER, FIELD(rg_cfg_uplink, preference), .min = 1, .max = 65535,
         .standard_text = "10 for the first uplink, 20 for the second, ...", .help = "Lower is better."},
        {"nat-traversal", CFG_T_WORD, FIELD(rg_cfg_uplink, nat_traversal), .words = nat_words,
         .standard = "auto",
         .help = "`off` where no NAT can be in between: UDP encapsulation is never used there."},
        {0},
};
const struct cfg_section cfg_uplink_section = {"uplinks.NAME", "A connection to the Internet.", uplink_keys};

static const struct cfg_key network_keys[] = {
        {"port", CFG_T_PORT, FIELD(rg_cfg_network, port), .flags = CFG_REQUIRED,
         .help = "The port it is reached through."},
        {"addresses", CFG_T_INTERFACE, MANY(rg_cfg_network, addresses, n_addresses), .flags = CFG_REQUIRED,
         .min_count = 1, .max_count = 16,
         .help = "The gateway's addresses there, with their prefix lengths."},
        {0},
};
const struct cfg_section cfg_network_section = {"networks.NAME", "A network behind the gateway.",
                                                network_keys};
