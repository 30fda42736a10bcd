extension [String] {
    /// All selections of the elements, in their order: the recipes that optional parameters make.
    var subsets: [[String]] {
        reduce(into: [[]]) { subsets, element in subsets += subsets.map { $0 + [element] } }
    }
}
