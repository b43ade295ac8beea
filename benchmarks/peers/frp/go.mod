module relaydesk.invalid/benchmarks/peers
go 1.22.0
require github.com/fatedier/frp v0.61.0
replace github.com/hashicorp/yamux => github.com/fatedier/yamux v0.0.0-20230628132301-7aca4898904d
