namespace Microsoft.Build.Framework;

/// <summary>
/// Tells an MSBuild that runs tasks on several threads that this one may be among them: it neither uses the current directory nor changes
/// the process. MSBuild knows the attribute by its name; the version that this is built against does not have it yet.
/// </summary>
[AttributeUsage(AttributeTargets.Class, Inherited = false)]
internal sealed class MSBuildMultiThreadableTaskAttribute : Attribute;
