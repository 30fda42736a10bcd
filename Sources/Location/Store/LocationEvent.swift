package import Bytes

/// Something that happened to an address of record or to one of its bindings (`E_UL_*` of the event interface).
package struct LocationEvent: Sendable {
    package enum Kind: Sendable, Equatable, CaseIterable {
        case aorInsert, aorDelete, contactInsert, contactUpdate, contactDelete

        /// Name of the event on the event interface.
        package var name: StaticString {
            switch self {
            case .aorInsert: "E_UL_AOR_INSERT"
            case .aorDelete: "E_UL_AOR_DELETE"
            case .contactInsert: "E_UL_CONTACT_INSERT"
            case .contactUpdate: "E_UL_CONTACT_UPDATE"
            case .contactDelete: "E_UL_CONTACT_DELETE"
            }
        }
    }

    package let kind: Kind
    /// Name of the domain (`location`).
    package let domain: ByteString
    package let aor: ByteString
    /// The binding as it is after an insert or update, as it was before a delete; nil for events of the address.
    package let binding: Binding?
}

/// Who wants location events. Called on the process that made the change, after every lock is released.
package struct LocationObserver: Sendable {
    /// Whether anybody wants events now: asked once per registration, so it must be cheap.
    package let isInterested: @Sendable () -> Bool
    package let notify: @Sendable (LocationEvent) -> Void

    package init(
        isInterested: @escaping @Sendable () -> Bool, notify: @escaping @Sendable (LocationEvent) -> Void
    ) {
        self.isInterested = isInterested
        self.notify = notify
    }

    /// Wants nothing.
    package static let none = LocationObserver(isInterested: { false }, notify: { _ in })
}
