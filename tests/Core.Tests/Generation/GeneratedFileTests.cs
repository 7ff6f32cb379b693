namespace IsolatedAgents.Core.Tests.Generation;

/// <summary>What follows from a table is as the table is. <c>build/generate.sh</c> writes the files anew.</summary>
[TestClass]
[DoNotParallelize]
public sealed class GeneratedFileTests
{
    private static readonly GeneratedFile[] Files =
    [
        ErrorCodePage.File,
        PolicyKeyPage.File,
        EventPage.File,
        TaskParameterFile.File,
        TargetsFile.Parameters,
        TargetsFile.Warnings,
        ActionFile.File,
    ];

    public static IEnumerable<object[]> Paths => Files.Select((file, index) => new object[] { index, file.Path, file.Table });

    [TestMethod]
    [DynamicData(nameof(Paths))]
    public void File_IsAsItsTable(int index, string path, string table)
    {
        GeneratedFile file = Files[index];
        string found = file.Read();
        string expected = file.Generate(found);
        if (Environment.GetEnvironmentVariable("IA_UPDATE_GOLDEN") == "1")
        {
            File.WriteAllText(file.FullPath, expected);
            return;
        }

        string[] missing = [.. file.Names.Where(name => !found.Contains(name, StringComparison.Ordinal))];
        Assert.IsEmpty(
            missing,
            $"'{path}' lacks of {table}: {string.Join(", ", missing.Select(name => name.Trim()))}. Run build/generate.sh."
        );
        Assert.AreEqual(expected, found, $"'{path}' is not what {table} gives. Run build/generate.sh.");
    }
}
