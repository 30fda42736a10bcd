extension Transformation {
    /// The number of `{nameaddr.N.name}`: which address of a list it is about. nil where none was written.
    package var position: Int? {
        guard family == "nameaddr", let dot = name.firstIndex(of: ".") else { return nil }
        return Int(name[..<dot])
    }

    /// The name that declarations know: without the position.
    package var declaredName: String {
        guard position != nil, let dot = name.firstIndex(of: ".") else { return name }
        return String(name[dot...].dropFirst())
    }
}
