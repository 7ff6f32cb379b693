namespace IsolatedAgents.Sandbox.Tests.ContinuousIntegration;

/// <summary>Leaves no image of these tests behind.</summary>
[TestClass]
public static class AssemblyImages
{
    [AssemblyCleanup]
    public static Task RemoveAsync() => ActionImage.RemoveAsync();
}
