// SIPConnectionsTests
