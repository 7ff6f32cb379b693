using System.Reflection;

namespace IsolatedAgents.Reports;

/// <summary>The version of this product as reports name it.</summary>
internal static class ProductVersion
{
    /// <summary>Without what a build adds to it.</summary>
    public static string Text { get; } =
        (
            typeof(ProductVersion).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "0.0.0"
        ).Split('+')[0];
}
