// counts of malloc calls, for gates
