namespace IsolatedAgents.Architecture.Tests;

/// <summary>The layers that docs/architecture.md lists, lowest first.</summary>
internal static class DocumentedLayers
{
    public static string[] Of(string root)
    {
        string[] lines = File.ReadAllLines(SourceFolders.PathOf("docs", "architecture.md"));
        return
        [
            .. lines
                .SkipWhile(line => line != $"```layers {root}")
                .Skip(1)
                .TakeWhile(line => line != "```")
                .Select(line => line.Split(' ')[0]),
        ];
    }
}
