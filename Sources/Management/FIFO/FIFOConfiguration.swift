/// The parameters of the management FIFO; the names in brackets are the module's, `mi_fifo`.
package struct FIFOConfiguration: Hashable, Sendable {
    /// The FIFO that requests are written to (`fifo_name`).
    package var path: String
    /// Who may write to it (`fifo_mode`, `fifo_user`, `fifo_group`).
    package var access: FileAccess
    /// Where clients make their reply FIFOs (`reply_dir`).
    package var replyDirectory: String
    /// Bytes of a request.
    package var requestBytesMax = 1 << 20
    /// Replies that wait for their clients to read; with one more the oldest is dropped.
    package var repliesWaitingMax = 64
    /// How long a client may take to open its reply FIFO and read it.
    package var replyMilliseconds = 5_000
    /// How long the rest of a request is waited for.
    package var restMilliseconds = 2_000
    /// How often it is checked that the FIFO is still there.
    package var checkMilliseconds = 30_000

    package init(path: String, access: FileAccess = FileAccess(), replyDirectory: String = "/tmp") {
        self.path = path
        self.access = access
        self.replyDirectory = replyDirectory
    }
}
