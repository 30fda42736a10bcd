package import Bytes

/// A store of values by key that scripts reach with `cache_store()` and its like. Any thread; nothing of it may wait.
package protocol KeyValueStore: AnyObject, Sendable {
    /// Keeps a value in the place of the one before. False: there is no room, or it is too long.
    ///
    /// - Parameter seconds: how long; 0: until it is removed.
    func store(_ key: ByteString, _ value: ByteString, seconds: Int) -> Bool

    func fetch(_ key: ByteString) -> ByteString?

    /// The value as a number; nil: there is none, or it is no number.
    func count(_ key: ByteString) -> Int?

    /// Adds to a number, which begins as 0. Answers the new one; nil: the value is no number, would be too large, or finds no room.
    ///
    /// - Parameter seconds: how long it is kept from now on; 0: as long as before.
    func add(_ key: ByteString, _ change: Int, seconds: Int) -> Int?

    func remove(_ key: ByteString)
}
