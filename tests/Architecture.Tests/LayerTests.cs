using ArchUnitNET.Domain;
using ArchUnitNET.Domain.Dependencies;
using ArchUnitNET.Loader;

namespace IsolatedAgents.Architecture.Tests;

/// <summary>
/// Reads the references between namespaces from the compiled assemblies, and compares them with the layers in docs/architecture.md.
/// </summary>
[TestClass]
public sealed class LayerTests
{
    [TestMethod]
    [DataRow("IsolatedAgents", typeof(AgentRunner))]
    [DataRow("IsolatedAgents.Supervisor", typeof(Supervisor.Supervisor))]
    public void Folders_UseOnlyThoseAboveThemInTheDocument(string root, System.Type member)
    {
        string[] layers = DocumentedLayers.Of(root);

        string[] forbidden = [.. ForbiddenArrows(root, member.Assembly, layers)];

        Assert.IsEmpty(forbidden, string.Join('\n', forbidden));
    }

    [TestMethod]
    [DataRow("IsolatedAgents", "Core", typeof(AgentRunner))]
    [DataRow("IsolatedAgents.Supervisor", "Supervisor", typeof(Supervisor.Supervisor))]
    public void Document_NamesEachFolder(string root, string project, System.Type member)
    {
        string[] folders = [.. SourceFolders.Of(project).Select(folder => folder.Name)];

        CollectionAssert.AreEquivalent(folders, DocumentedLayers.Of(root));
        CollectionAssert.IsSubsetOf(Namespaces(root, member.Assembly), folders);
    }

    [TestMethod]
    [DataRow("Core")]
    [DataRow("Supervisor")]
    public void Folders_HoldMoreThanOneFileAndTwentyAtMost(string project)
    {
        string[] wrong =
        [
            .. SourceFolders
                .Of(project)
                .SelectMany(folder => folder.EnumerateDirectories("*", SearchOption.AllDirectories).Append(folder))
                .Where(folder =>
                    folder.GetFiles("*.cs").Length is 1 or > 20
                    || (folder.GetFiles("*.cs").Length == 0 && folder.GetDirectories().Length < 2)
                )
                .Select(folder => $"{folder.FullName}: {folder.GetFiles("*.cs").Length} files"),
        ];

        Assert.IsEmpty(wrong, string.Join('\n', wrong));
    }

    /// <summary>The check fails where it has to: here the order is turned around.</summary>
    [TestMethod]
    public void ForbiddenArrow_IsFound()
    {
        string[] layers = [.. DocumentedLayers.Of("IsolatedAgents").Reverse()];

        Assert.Contains(
            arrow => arrow.StartsWith("Reports -> Runs", StringComparison.Ordinal),
            ForbiddenArrows("IsolatedAgents", typeof(AgentRunner).Assembly, layers)
        );
    }

    private static IEnumerable<string> ForbiddenArrows(string root, System.Reflection.Assembly assembly, string[] layers)
    {
        HashSet<(string From, string To)> seen = [];
        foreach (ITypeDependency dependency in TypesOf(assembly).SelectMany(type => type.Dependencies))
        {
            string from = Folder(root, dependency.Origin);
            string to = Folder(root, dependency.Target);
            bool isForbidden = from != to && to.Length > 0 && from.Length > 0 && Array.IndexOf(layers, from) < Array.IndexOf(layers, to);
            bool isIntoRoot =
                from.Length > 0
                && to.Length == 0
                && dependency.Target.Namespace?.FullName == root
                && dependency.Target.Assembly == dependency.Origin.Assembly;
            if ((isForbidden || isIntoRoot) && seen.Add((from, to)))
            {
                yield return $"{from} -> {(to.Length > 0 ? to : "(root)")}: {dependency.Origin.Name} uses {dependency.Target.Name}";
            }
        }
    }

    private static string[] Namespaces(string root, System.Reflection.Assembly assembly) =>
        [.. TypesOf(assembly).Select(type => Folder(root, type)).Where(folder => folder.Length > 0).Distinct()];

    private static IEnumerable<IType> TypesOf(System.Reflection.Assembly assembly) =>
        new ArchLoader().LoadAssemblies(assembly).Build().Types.Where(type => type.Assembly.FullName == assembly.FullName);

    // Protocol's types are below all layers, and the compiler's own below none.
    private static string Folder(string root, IType type)
    {
        string name = type.Namespace?.FullName ?? "";
        return
            !name.StartsWith(root + ".", StringComparison.Ordinal) || name.StartsWith("IsolatedAgents.Protocol", StringComparison.Ordinal)
            ? ""
            : name[(root.Length + 1)..].Split('.')[0];
    }
}
