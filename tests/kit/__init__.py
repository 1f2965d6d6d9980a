"""The test kit: certificates, peers, DNS, relays and stores, all real and private to one pytest process."""
