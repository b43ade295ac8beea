"""What is durable: namespaces, hybrid connections, SAS rules, the ledger of listeners."""
