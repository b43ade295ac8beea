module relaydesk.invalid/benchmarks/peers
go 1.25.1
require github.com/jpillora/chisel v1.11.3
