// SIPDialogTests
