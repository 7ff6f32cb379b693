namespace Review.Sample;

/// <summary>Something to build, so that this is a project like any other.</summary>
public static class Greeter
{
    /// <summary>A greeting for the name.</summary>
    public static string Greet(string name) => $"Hello, {name}.";
}
