import Glibc

/// Who may use a FIFO or unix socket of the server.
package struct FileAccess: Hashable, Sendable {
    /// UNIX permission bits; exactly these, whatever the umask is.
    package var mode: UInt32
    /// A name or a number; `nil` inherits.
    package var user: String?
    package var group: String?

    package init(mode: UInt32 = 0o660, user: String? = nil, group: String? = nil) {
        self.mode = mode & 0o777
        self.user = user
        self.group = group
    }

    /// Whether user and group are known on this machine.
    package func check() throws(ManagementSetupError) { _ = try ids() }

    /// Whether a FIFO or socket can be made at `path`, as far as looking tells: its directory is there, nothing else is.
    package static func check(place path: String, for kind: SpecialFile) throws(ManagementSetupError) {
        let directory = path.lastIndex(of: "/").map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
        var status = stat()
        guard stat(directory, &status) == 0, status.st_mode & S_IFMT == S_IFDIR else {
            throw ManagementSetupError("there is no directory \(directory) for the \(kind.rawValue) \(path)")
        }
        if let present = FileIdentity(path: path), !present.isKind(kind.bits) {
            throw ManagementSetupError("\(path) is there and is no \(kind.rawValue): remove it or choose another name")
        }
    }

    /// Owner and group as numbers; `uid_t.max` where nothing is to be changed.
    func ids() throws(ManagementSetupError) -> (user: uid_t, group: gid_t) {
        var ids = (user: uid_t.max, group: gid_t.max)
        if let user {
            guard let id = uid_t(user) ?? getpwnam(user)?.pointee.pw_uid else {
                throw ManagementSetupError("there is no user '\(user)' on this machine")
            }
            ids.user = id
        }
        if let group {
            guard let id = gid_t(group) ?? getgrnam(group)?.pointee.gr_gid else {
                throw ManagementSetupError("there is no group '\(group)' on this machine")
            }
            ids.group = id
        }
        return ids
    }

    /// Gives a file that was just made to its owner. It must have been made with no more rights than these.
    func apply(to path: String) throws(ManagementSetupError) {
        let ids = try ids()
        if user != nil || group != nil, lchown(path, ids.user, ids.group) != 0 {
            throw ManagementSetupError("can't give \(path) to its owner: \(errorText())")
        }
        if chmod(path, mode) != 0 { throw ManagementSetupError("can't set the mode of \(path): \(errorText())") }
    }
}

/// What the server makes in the file system for management.
package enum SpecialFile: String, Sendable {
    case fifo = "FIFO"
    case socket = "socket"

    var bits: UInt32 { UInt32(self == .fifo ? S_IFIFO : S_IFSOCK) }
}

/// Which file a path stands for, to notice when it is another or gone.
struct FileIdentity: Hashable {
    let device: UInt
    let inode: UInt
    let mode: UInt32

    /// The file itself, not what a link leads to; `nil` when there is none.
    init?(path: String) {
        var status = stat()
        guard lstat(path, &status) == 0 else { return nil }
        (device, inode, mode) = (UInt(status.st_dev), UInt(status.st_ino), status.st_mode)
    }

    func isKind(_ kind: UInt32) -> Bool { mode & UInt32(S_IFMT) == kind }

    func isSameFile(as other: FileIdentity?) -> Bool { other?.device == device && other?.inode == inode }
}
