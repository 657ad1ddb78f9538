namespace FakeHub;

/// <summary>Puts files into a hub's folder. What is published is served at once.</summary>
public sealed class HubPublisher(string root)
{
    /// <summary>Files of a repository, by their names in it.</summary>
    public void HuggingFace(string repo, params IEnumerable<(string Name, string Path)> files)
    {
        foreach (var (name, path) in files) Place(path, Path.Combine(root, "hf", repo, name));
    }

    /// <summary>Settings of a repository: <c>gated</c>, <c>private</c>, <c>notYours</c>, <c>revisions</c>.</summary>
    public void HuggingFaceSettings(string repo, string json)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(Path.Combine(root, "hf", repo))!);
        File.WriteAllText(Path.Combine(root, "hf", repo + ".json"), json);
    }

    /// <summary>A model of the registry, e.g. <c>library/tiny:latest</c>, with its other layers as text.</summary>
    /// <param name="name"><c>namespace/model:tag</c>.</param>
    /// <param name="ggufPath">The weights.</param>
    /// <param name="layers">File names (<c>params.json</c>, <c>template</c>, <c>license</c>, <c>system</c>) and their text.</param>
    public void Ollama(string name, string ggufPath, params IEnumerable<(string Name, string Text)> layers)
    {
        var folder = OllamaFolder(name);
        Place(ggufPath, Path.Combine(folder, "model.gguf"));
        foreach (var (layer, text) in layers) File.WriteAllText(Path.Combine(folder, layer), text);
    }

    /// <summary>A manifest as it is, whatever it says.</summary>
    public void OllamaManifest(string name, string json)
    {
        var folder = OllamaFolder(name);
        Directory.CreateDirectory(Path.GetDirectoryName(folder)!);
        File.WriteAllText(folder + ".manifest.json", json);
    }

    /// <summary>A plain file below <c>/files/</c>.</summary>
    public void Plain(string name, string path) => Place(path, Path.Combine(root, "files", name));

    private string OllamaFolder(string name)
    {
        var colon = name.LastIndexOf(':');
        return Path.Combine(root, "ollama", name[..colon], name[(colon + 1)..]);
    }

    private static void Place(string from, string to)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(to)!);
        if (Path.GetFullPath(from) == Path.GetFullPath(to)) return;
        File.Delete(to);
        File.Copy(from, to);
    }
}
