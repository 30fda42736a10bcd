// ManagementHTTP
