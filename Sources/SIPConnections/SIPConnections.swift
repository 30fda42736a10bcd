// SIPConnections
