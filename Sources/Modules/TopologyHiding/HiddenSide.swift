import Bytes
import SIPDialog
import SIPMessage

/// What a Contact parameter keeps of one side when there is no dialog: its Contact, its routes, the listener that it is reached by, and
/// what `topology_hiding()` was asked for.
struct HiddenSide: Equatable {
    var contact: ByteString
    var routes: [ByteString]
    /// `udp:127.0.0.1:5060`
    var socket: ByteString
    var wishes = HidingWishes()

    /// Fields with a line feed between them: none of them has one, routes are unfolded (`RouteSet`).
    var text: ByteString {
        var writer = ByteWriter(reserving: 128)
        writer.append(contact.unfolded())
        writer.append(ASCII.lineFeed)
        writer.append(socket)
        wishes.append(to: &writer)
        for route in routes {
            writer.append(ASCII.lineFeed)
            writer.append(route)
        }
        return writer.finishText()
    }

    init(contact: ByteString, routes: [ByteString], socket: ByteString, wishes: HidingWishes = HidingWishes()) {
        (self.contact, self.routes, self.socket, self.wishes) = (contact, routes, socket, wishes)
    }

    init?(_ text: ByteString) {
        let fields = text.split(at: ASCII.lineFeed)
        guard fields.count >= 2, !fields[0].isEmpty else { return nil }
        let words = fields[1].split(at: ASCII.space)
        guard let wishes = HidingWishes(words.dropFirst()) else { return nil }
        self.init(contact: fields[0], routes: Array(fields.dropFirst(2)), socket: words[0], wishes: wishes)
    }
}

/// What of `topology_hiding()`'s arguments has a meaning without a dialog: whose user names the Contacts of later requests bear. Empty
/// in most calls, and then nothing is written.
struct HidingWishes: Equatable {
    var passesUser = false
    var callerUser: ByteString?
    var calleeUser: ByteString?
    /// The side that the Contact leads to is the caller: the users are of use to who knows that.
    var isOfCaller = false

    var isEmpty: Bool { !passesUser && callerUser == nil && calleeUser == nil }

    init() {}

    /// - Parameter side: the one that the Contact leads to.
    init(_ sides: HidingSides, of side: DialogSide) {
        passesUser = sides.flags.contains(.passesUser)
        callerUser = sides.users.caller.flatMap(Self.kept)
        calleeUser = sides.users.callee.flatMap(Self.kept)
        isOfCaller = !isEmpty && side == .caller
    }

    /// A user name that holds a separator is no part of a URI either.
    private static func kept(_ user: ByteString) -> ByteString? {
        user.isEmpty || user.contains(ASCII.space) || user.contains(ASCII.lineFeed) ? nil : user
    }

    /// Letters and both users, each behind a space: ` Ur alice bob`.
    fileprivate func append(to writer: inout ByteWriter) {
        guard !isEmpty else { return }
        writer.append(ASCII.space)
        if passesUser { writer.append(Self.passesUserLetter) }
        if isOfCaller { writer.append(Self.isOfCallerLetter) }
        for user in [callerUser, calleeUser] {
            writer.append(ASCII.space)
            writer.append(user ?? .empty)
        }
    }

    /// nil: not written by `append`.
    fileprivate init?(_ words: ArraySlice<ByteString>) {
        guard let letters = words.first else { return }
        guard words.count == 3 else { return nil }
        let users = words.dropFirst().map { $0.isEmpty ? nil : $0 }
        (callerUser, calleeUser) = (users[0], users[1])
        passesUser = letters.contains(Self.passesUserLetter)
        isOfCaller = letters.contains(Self.isOfCallerLetter)
    }

    private static let passesUserLetter = UInt8(ascii: "U")
    private static let isOfCallerLetter = UInt8(ascii: "r")
}

extension HidingSides {
    /// As a Contact says it.
    convenience init(_ wishes: HidingWishes) {
        self.init(flags: wishes.passesUser ? .passesUser : [], users: (wishes.callerUser, wishes.calleeUser))
    }
}
