package import Bytes

/// A user's name and secret for one realm.
package struct UACCredential: Sendable {
    package let realm: ByteString
    package let user: ByteString
    /// Plain, or `0x` and H(A1) in lower-case hex.
    package let password: ByteString

    package init(realm: ByteString, user: ByteString, password: ByteString) {
        self.realm = realm
        self.user = user
        self.password = password
    }

    /// Reads `user:realm:password`; the password may hold colons. nil when a part is missing.
    package init?(_ text: ByteString) {
        guard let first = text.first(of: ASCII.colon), let second = text.first(of: ASCII.colon, from: first + 1),
            first > 0, second > first + 1
        else { return nil }
        self.init(
            realm: text.slice((first + 1)..<second).compacted(), user: text.prefix(first).compacted(),
            password: text.dropFirst(second + 1).compacted())
    }

    /// H(A1) where the password is one of the algorithm's length; nil for a plain password.
    func hash(_ algorithm: DigestAlgorithm) -> ByteString? {
        guard password.count == algorithm.hexDigits + 2, password.hasPrefixIgnoringCase("0x") else { return nil }
        let digits = password.dropFirst(2)
        return digits.elements.allSatisfy { ASCII.hexValue($0) != nil } ? digits : nil
    }
}
