package import Bytes
import RouteLanguage

extension ScriptRun {
    /// Text as a format string: variables in it are printed.
    package func evaluateFormat(_ text: ByteString) -> ByteString { text }
}
