package import Profiling
package import RouteLanguage

/// A route of the program, by index. Looked up at start, or by `Call.route(_:)`.
package struct RouteHandle: Sendable, Hashable {
    package let index: Int

    package init(index: Int) {
        self.index = index
    }
}

/// A top route that is to run: which, as what kind, on which message.
package struct TopRoute {
    package let route: RouteHandle
    package let kind: RouteKind
    package let context: MessageContext
    /// The session that this run goes on with; `none`: it begins something.
    package let link: SessionLink
    /// `link` is only what caused the run.
    package let isLinkCause: Bool

    package init(
        _ route: RouteHandle, as kind: RouteKind, on context: MessageContext, continuing link: SessionLink = .none,
        isLinkCause: Bool = false
    ) {
        self.link = link
        self.isLinkCause = isLinkCause
        self.route = route
        self.kind = kind
        self.context = context
    }
}
