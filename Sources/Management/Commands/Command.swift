/// One management command: its names, the parameter lists it accepts, and what it does.
package struct Command: Sendable {
    /// What a command does. Runs on the thread of the management process that read the request; it either answers
    /// before it returns or keeps `reply` and answers later from any thread.
    package typealias Handler = @Sendable (_ call: CommandCall, _ reply: CommandReply) -> Void

    /// The canonical name, `module:command`.
    package let name: String
    /// Other names: the old ones of the peer.
    package let aliases: [String]
    /// One sentence for `core:help`.
    package let summary: String
    /// Every list of parameter names that is accepted, in the order in which they are given by position.
    package let recipes: [[String]]
    package let handler: Handler

    /// The part of the name before the colon.
    package var module: String { String(name.prefix { $0 != ":" }) }
    /// The part of the name after the colon.
    package var localName: String { String(name.drop { $0 != ":" }.dropFirst()) }

    /// The accepted calls, a line each, as `core:help` prints them.
    package var usage: String {
        recipes.map { recipe in ([name] + recipe.map { "<\($0)>" }).joined(separator: " ") }.joined(separator: "\n")
    }
}
