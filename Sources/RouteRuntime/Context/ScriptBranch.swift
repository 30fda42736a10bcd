package import Bytes

/// One destination that a request is to be sent to, besides or instead of its request URI.
package struct ScriptBranch: Sendable {
    /// Branches of one request, the request URI's included.
    package static let countMax = 12
    /// Attributes of one branch.
    package static let attributeCountMax = 128
    /// Stands for "no q value given".
    package static let qUnspecified = -1

    package var uri: ByteString
    package var destinationURI: ByteString?
    package var path: ByteString?
    /// In thousandths, 0…1000, or `qUnspecified`.
    package var q: Int
    package var flags: UInt32
    package var socket: ScriptSocket?
    /// Where `REGISTER` came from, when the branch came from the location store (`received` of the binding).
    package var received: ByteString?
    /// Values a script gave the branch by name (`$msg.branch.attr(name)`).
    package var attributes: BranchAttributes = []

    package init(
        uri: ByteString, destinationURI: ByteString? = nil, path: ByteString? = nil, q: Int = ScriptBranch.qUnspecified,
        flags: UInt32 = 0, socket: ScriptSocket? = nil, received: ByteString? = nil
    ) {
        self.uri = uri
        self.destinationURI = destinationURI
        self.path = path
        self.q = q
        self.flags = flags
        self.socket = socket
        self.received = received
    }
}

/// What a script gave a branch, by name.
package typealias BranchAttributes = [(name: ByteString, value: Value)]

extension BranchAttributes {
    package func value(_ name: ByteString) -> Value { first { $0.name == name }?.value ?? .null }

    /// NULL takes the attribute away. False, and nothing changes, when it would be one too many.
    package mutating func set(_ name: ByteString, _ value: Value) -> Bool {
        let place = firstIndex { $0.name == name }
        switch (place, value.isNull) {
        case (let place?, true): remove(at: place)
        case (let place?, false): self[place].value = value
        case (nil, true): break
        case (nil, false):
            guard count < ScriptBranch.attributeCountMax else { return false }
            append((name, value))
        }
        return true
    }
}

extension VariableAccess {
    /// Logs that a branch takes no further attribute.
    package func refuseAttribute(_ name: ByteString) -> Bool {
        refuse("\(name): a branch has \(ScriptBranch.attributeCountMax) attributes at most")
    }
}
