package import Bytes

/// Changes to a message that are made once, when it is sent: each replaces a range of the received buffer.
///
/// Empty it costs nothing. The first edit allocates a list and a store of the new bytes; copies share both until one
/// of them changes, so every branch of a fork starts from the script's edits for free. `apply(to:)` makes the bytes
/// to send in one allocation.
///
/// Edits are in terms of the received offsets, so the order in which they are made does not move them. Where they meet:
/// - insertions at one offset come out in the order made, unless one asks to be `first`;
/// - an edit that starts inside a range which an earlier-starting edit replaces is lost, one at its border is kept;
/// - of two replacements of the same range the later one wins.
///
/// A script may go on adding text, and searching it, as long as it runs: that is bounded by `countMax`. What a message
/// needs to go on at all has `countReserved` more: the changes of its fields, of which it has no end, and from
/// `admitServer` on everything.
package struct MessageEdits: Sendable {
    /// One edit: `lower..<upper` of the buffer becomes `text` of the store.
    struct Edit: BitwiseCopyable, Sendable {
        var lower: UInt32
        var upper: UInt32
        var text: ByteRange

        var isInsertion: Bool { lower == upper }
    }

    /// Most edits of one message before a script's further text is refused.
    package static let countMax = 1024
    /// Edits beyond these that are kept free for the server's own: Via, Record-Route, request URI, fields removed.
    package static let countReserved = 1024

    /// By `lower`; insertions before the replacement at the same offset.
    private(set) var edits: [Edit] = []
    /// The new bytes of all edits, one after the other.
    private(set) var store: [UInt8] = []
    /// The new body in `store`; nil when the body stays.
    private(set) var newBody: ByteRange?
    /// Whether the script has ended with them, and what comes is the server's.
    private var areServers = false

    /// No edits.
    package init() {}

    /// Whether the message goes out as it came.
    package var isEmpty: Bool { edits.isEmpty && newBody == nil }

    /// Whether a script may make so many edits more.
    package func hasRoom(for count: Int) -> Bool {
        edits.count + count <= (areServers ? Self.countMax + Self.countReserved : Self.countMax)
    }

    /// What is added from here on is the server's own, and takes of the room that is kept for that.
    package mutating func admitServer() { areServers = true }

    /// Whether an edit may be made that needs no leave of the script's limit.
    private var hasReservedRoom: Bool { edits.count < Self.countMax + Self.countReserved }

    /// Makes room for `count` edits with `bytes` of new text, so that no more allocations follow.
    package mutating func reserve(count: Int, bytes: Int) {
        edits.reserveCapacity(edits.count + count)
        store.reserveCapacity(store.count + bytes)
    }

    /// Replaces `range` with `text`. Into the reserved room too: who lets a script choose any number of ranges asks `hasRoom`.
    /// - Returns: false when there is no room left, and nothing changed.
    @discardableResult
    package mutating func replace(_ range: ByteRange, with text: ByteString) -> Bool {
        guard hasReservedRoom else { return false }
        let added = add(text)
        place(Edit(lower: range.lower, upper: range.upper, text: added), first: false)
        return true
    }

    /// Removes `range`; into the reserved room too.
    /// - Returns: false when there is no room left, and nothing changed.
    @discardableResult
    package mutating func remove(_ range: ByteRange) -> Bool {
        guard !range.isEmpty else { return true }
        guard hasReservedRoom else { return false }
        place(Edit(lower: range.lower, upper: range.upper, text: .empty), first: false)
        return true
    }

    /// Inserts `text` before the byte at `offset`; `first` puts it before what was inserted there already.
    /// - Returns: false when there are `countMax` edits already, and nothing changed.
    @discardableResult
    package mutating func insert(_ text: ByteString, at offset: Int, first: Bool = false) -> Bool {
        guard hasRoom(for: 1) else { return false }
        let added = add(text)
        place(Edit(lower: UInt32(offset), upper: UInt32(offset), text: added), first: first)
        return true
    }

    /// Inserts what `write` appends before the byte at `offset`, without a text of its own in between: the server's way,
    /// into the reserved room too.
    /// - Returns: false when there is no room left, and nothing changed.
    @discardableResult
    package mutating func insert(at offset: Int, first: Bool = false, _ write: (inout ByteWriter) -> Void) -> Bool {
        guard hasReservedRoom else { return false }
        let lower = store.count
        var writer = ByteWriter(continuing: store)
        store = []
        write(&writer)
        store = writer.finish()
        precondition(store.count >= lower, "MessageEdits: the writer took away bytes that are not its own")
        let added = ByteRange(lower, store.count)
        place(Edit(lower: UInt32(offset), upper: UInt32(offset), text: added), first: first)
        return true
    }

    /// Sets the body; `Content-Length` is set with it when the edits are applied. An empty one takes the body away.
    package mutating func setBody(_ text: ByteString) {
        newBody = add(text)
    }

    /// Forgets all edits; the room stays.
    package mutating func removeAll() {
        edits.removeAll(keepingCapacity: true)
        store.removeAll(keepingCapacity: true)
        newBody = nil
        areServers = false
    }

    private mutating func add(_ text: ByteString) -> ByteRange {
        let lower = store.count
        unsafe text.storage.withUnsafeBufferPointer { bytes in
            // In bounds: a ByteString's range lies inside its storage.
            unsafe store.append(contentsOf: UnsafeBufferPointer(rebasing: bytes[text.range.indices]))
        }
        return ByteRange(lower, store.count)
    }

    /// Puts `edit` at its place: few edits, so a walk from the end is cheapest.
    private mutating func place(_ edit: Edit, first: Bool) {
        var index = edits.count
        while index > 0, goesBefore(edit, edits[index - 1], first) { index -= 1 }
        if index > 0, !edit.isInsertion, edits[index - 1].lower == edit.lower, edits[index - 1].upper == edit.upper {
            edits[index - 1].text = edit.text
        } else {
            edits.insert(edit, at: index)
        }
    }

    private func goesBefore(_ edit: Edit, _ other: Edit, _ first: Bool) -> Bool {
        if edit.lower != other.lower { return edit.lower < other.lower }
        if edit.isInsertion { return first || !other.isInsertion }
        // Of two replacements at one offset the longer goes first: it swallows the other.
        return !other.isInsertion && edit.upper > other.upper
    }
}
