// SIPDialog
