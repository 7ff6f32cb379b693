namespace IsolatedAgents.Engines;

/// <summary>How people see the id of a container.</summary>
internal static class ContainerId
{
    private const int ShortLength = 12;

    /// <summary>As much of it as engines show.</summary>
    public static string Short(string id) => id[..Math.Min(ShortLength, id.Length)];
}
