/// What a script may cost to read. Each has a diagnostic that names it.
package struct ScriptLimits: Sendable {
    /// One file.
    package var fileBytesMax = 2 << 20
    /// The script and everything it includes.
    package var totalBytesMax = 4 << 20
    /// Includes within includes, as in the peer.
    package var includeDepthMax = 50
    package var fileCountMax = 1000
    /// Blocks, parentheses and variables within one another.
    package var nestingDepthMax = 100
    /// Of each kind, as in the peer.
    package var routesPerKindMax = 100
    /// Arguments of one call, as in the peer.
    package var argumentsMax = 8
    /// Diagnostics that are kept; further ones are counted.
    package var diagnosticsMax = 200

    package init() {}

    package static let `default` = ScriptLimits()
}
