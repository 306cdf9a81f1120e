package main

import "github.com/secant-platform/secant/network/topology"

// base is the variant with which all are compared: the settings as they are.
const base = "base"

// variant departs from the network's settings in one respect.
type variant struct {
	name      string
	tuning    topology.Tuning
	endorsers int // organisations that must endorse; zero: a majority, as the channel says
}

func peers(env ...string) topology.Tuning    { return topology.Tuning{Peer: env} }
func orderers(env ...string) topology.Tuning { return topology.Tuning{Orderer: env} }
func both(env ...string) topology.Tuning     { return topology.Tuning{Peer: env, Orderer: env} }

// variants in the order in which they take turns.
var variants = []variant{
	{name: base},
	{name: "endorse-2-of-5", endorsers: 2},
	// How long a block may wait, and how much it may hold.
	{name: "interval-50ms", tuning: topology.Tuning{BatchInterval: "50ms"}},
	{name: "interval-100ms", tuning: topology.Tuning{BatchInterval: "100ms"}},
	{name: "interval-400ms", tuning: topology.Tuning{BatchInterval: "400ms"}},
	{name: "count-10", tuning: topology.Tuning{BatchCount: 10}},
	{name: "count-500", tuning: topology.Tuning{BatchCount: 500}},
	// What peers tell each other without being asked.
	{name: "gossip-state-2s", tuning: peers("CORE_PEER_GOSSIP_PUBLISHSTATEINFOINTERVAL=2s", "CORE_PEER_GOSSIP_REQUESTSTATEINFOINTERVAL=2s")},
	{name: "gossip-state-4s", tuning: peers("CORE_PEER_GOSSIP_PUBLISHSTATEINFOINTERVAL=4s", "CORE_PEER_GOSSIP_REQUESTSTATEINFOINTERVAL=4s")},
	{name: "gossip-alive-20s", tuning: peers("CORE_PEER_GOSSIP_ALIVETIMEINTERVAL=20s", "CORE_PEER_GOSSIP_ALIVEEXPIRATIONTIMEOUT=100s")},
	{name: "gossip-pull-60s", tuning: peers("CORE_PEER_GOSSIP_PULLINTERVAL=60s")},
	{name: "gossip-no-reconciler", tuning: peers("CORE_PEER_GOSSIP_PVTDATA_RECONCILIATIONENABLED=false")},
	{name: "gossip-election", tuning: peers("CORE_PEER_GOSSIP_USELEADERELECTION=true", "CORE_PEER_GOSSIP_ORGLEADER=false",
		"CORE_PEER_GOSSIP_STATE_ENABLED=true", "CORE_PEER_DELIVERYCLIENT_BLOCKGOSSIPENABLED=true")},
	// One stream of blocks a peer, without watching the other orderers.
	{name: "deliver-simple", tuning: peers("CORE_PEER_DELIVERYCLIENT_POLICY=simple")},
	// Logging, beside the level warn.
	{name: "log-info", tuning: both("FABRIC_LOGGING_SPEC=info")},
	{name: "log-error", tuning: both("FABRIC_LOGGING_SPEC=error")},
	// The history of keys, which no chaincode of ours asks for.
	{name: "no-history", tuning: peers("CORE_LEDGER_HISTORY_ENABLEHISTORYDATABASE=false")},
	// Memory for time: how much garbage there may be before it is collected.
	{name: "gogc-400", tuning: both("GOGC=400")},
	{name: "gogc-200", tuning: both("GOGC=200")},
	{name: "gomaxprocs-1", tuning: both("GOMAXPROCS=1")},
	{name: "gogc-400-orderer", tuning: orderers("GOGC=400")},
}
