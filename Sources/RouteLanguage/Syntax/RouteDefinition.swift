/// A route block.
package struct RouteDefinition: Sendable {
    package var location: SourceLocation
    package var kind: RouteKind
    /// nil for the unnamed ones: `route {}` (also written `route[0]`), `onreply_route {}`, `error_route`, `local_route`, `startup_route`.
    package var name: String?
    /// Of the name, for diagnostics; of the keyword when there is no name.
    package var nameLocation: SourceLocation
    /// Of a timer route.
    package var intervalSeconds: Int?
    package var body: [Statement]
}
