"""What agent, gateway and relayed connections survive, as processes of their own (reliability reference §2)."""
